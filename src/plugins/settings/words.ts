/** The texts of the settings page. A setting's own are `<plugin>.settings.<name>` and `…Hint` of its plugin. */
import { defineWords } from "jimv";

export const settingsWords = defineWords({
  en: {
    "settings.title": "Settings",
    "settings.sub": "For everybody. Language and theme are each person's own: see the header.",
    "settings.notFound": "The plugin {plugin} has no settings, or is not loaded.",
    "settings.invalid": "Some settings are not right. Correct the fields, then save again.",
    "settings.invalidField": "This doesn't fit: {detail}",
    "settings.saved": "The settings are saved.",
    "settings.empty": "Nothing to set",
    "settings.emptyHint": "No plugin that is loaded has settings.",
    "settings.default": "Default: {value}",
  },
  "zh-CN": {
    "settings.title": "设置",
    "settings.sub": "对所有人生效。语言和主题属于个人，请在页眉中选择。",
    "settings.notFound": "插件 {plugin} 没有设置，或未加载。",
    "settings.invalid": "部分设置不正确。请改正后再次保存。",
    "settings.invalidField": "不符合要求：{detail}",
    "settings.saved": "设置已保存。",
    "settings.empty": "没有可设置的内容",
    "settings.emptyHint": "已加载的插件都没有设置。",
    "settings.default": "默认：{value}",
  },
});
