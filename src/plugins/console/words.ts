/** Texts of the console. What stands on its bar is in the shared words. */
import { defineWords } from "jimv";

export const consoleWords = defineWords({
  en: {
    "console.nodeAway":
      "Node {node} does not answer, so its guests' screens can't be reached. See the node's page.",
    "console.noAnswer": "The guest's screen did not answer in time. Try again; if it stays so, force it off.",
    "console.badTicket": "This console ticket was used already or is too old. Open the console again.",
  },
  "zh-CN": {
    "console.nodeAway": "节点 {node} 没有响应，无法连接其虚拟机的画面。请查看该节点的页面。",
    "console.noAnswer": "虚拟机画面未及时响应。请重试；若仍不行，请强制关机。",
    "console.badTicket": "此控制台票据已使用或已过期，请重新打开控制台。",
  },
});
