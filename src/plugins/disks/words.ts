/** The texts of disks: refusals, steps of tasks and the tasks' names. */
import { defineWords } from "jimv";
import { pageTexts } from "./words-pages.ts";

export const disksWords = defineWords({
  en: {
    ...pageTexts.en,
    "task.disks.create": "Create the disk {name}",
    "task.disks.delete": "Delete the disk {name}",
    "disks.step.create": "Making the disk",
    "disks.step.remove": "Removing the file",
    "disks.notFound": "There is no disk {uuid}. It may have been deleted.",
    "disks.nodeUnknown": "There is no node {node}.",
    "disks.nodeAway": "Node {node} does not answer. Start JimV there, then try again.",
    "disks.nodeUnconfigured": "Node {node} has no storage folder yet. Set it up on its page.",
    "disks.noSpace":
      "A disk of {sizeGiB} GiB does not fit on {node}: {freeGiB} GiB of {capacityGiB} GiB are free in its pool.",
    "disks.noGuests": "Nothing here knows guests, so disks can't be attached.",
    "disks.busy": "The disk {disk} is being changed. Wait until that has ended.",
    "disks.isSystem": "{disk} is a system disk: it comes and goes with its guest.",
    "disks.isAttached": "The disk {disk} is attached to a guest. Detach it first.",
    "disks.isIdle": "The disk {disk} is not attached.",
    "disks.isFailed": "The disk {disk} could not be made. Delete it and create it anew.",
    "disks.nothingToChange": "Say at least one of name and guestUuid.",
  },
  "zh-CN": {
    ...pageTexts["zh-CN"],
    "task.disks.create": "创建磁盘 {name}",
    "task.disks.delete": "删除磁盘 {name}",
    "disks.step.create": "创建磁盘",
    "disks.step.remove": "删除文件",
    "disks.notFound": "没有磁盘 {uuid}，可能已被删除。",
    "disks.nodeUnknown": "没有节点 {node}。",
    "disks.nodeAway": "节点 {node} 没有响应。请在该节点启动 JimV 后重试。",
    "disks.nodeUnconfigured": "节点 {node} 尚未配置存储目录，请在其页面中设置。",
    "disks.noSpace":
      "{sizeGiB} GiB 的磁盘在节点 {node} 上放不下：其存储池 {capacityGiB} GiB 中剩余 {freeGiB} GiB。",
    "disks.noGuests": "没有可挂载磁盘的虚拟机功能。",
    "disks.busy": "磁盘 {disk} 正在变更，请等待其结束。",
    "disks.isSystem": "{disk} 是系统盘，随其虚拟机创建和删除。",
    "disks.isAttached": "磁盘 {disk} 已挂载到虚拟机，请先卸载。",
    "disks.isIdle": "磁盘 {disk} 未挂载。",
    "disks.isFailed": "磁盘 {disk} 未能创建，请删除后重新创建。",
    "disks.nothingToChange": "请至少给出 name 或 guestUuid。",
  },
});
