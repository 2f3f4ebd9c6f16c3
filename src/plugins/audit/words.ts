/** The texts of the audit: what is wrong, as a sentence that says what to do. */
import { defineWords } from "jimv";

export const auditWords = defineWords({
  en: {
    "task.audit.look": "Look at {name}",
    "audit.step.domains": "Looking at the domains",
    "audit.step.files": "Looking at the files",
    "audit.task.overdue":
      "Task {id} ({kind} of {name}) is open beyond its deadline. See on the page of tasks whether a controller leads.",
    "audit.task.twice": "The end of task {id} was told {times} times. Please report this.",
    "audit.task.holds":
      "Task {id} ({kind} of {name}) has ended and still keeps others from beginning. Please report this.",
    "audit.task.leftovers":
      "Task {id} ({kind} of {name}) left something half-made on node {node}, which tries to take it back until it can.",
    "audit.task.noReason": "Task {id} ({kind} of {name}) failed and does not say why. Please report this.",
    "audit.guest.stuck": "Guest {guest} is {state}, and no task takes it further. Please report this.",
    "audit.guest.noDomain":
      "Guest {guest} is {state}, and node {node} has no domain for it. Delete the guest, or define its domain again.",
    "audit.guest.elsewhere":
      "Guest {guest} belongs to node {node}, and its domain is on {other}. Stop JimV there before you touch it.",
    "audit.guest.twice":
      "Guest {guest} has a domain on {nodes}. If it runs on both, stop it on all but {node} at once: its disks are in danger.",
    "audit.guest.state": "Guest {guest} is shown as {state}, and its domain on {node} is {domain}.",
    "audit.guest.size":
      "Guest {guest} has {vcpus} vCPUs and {memoryMiB} MiB, its domain on {node} another size.",
    "audit.guest.port":
      "Guest {guest} has the VNC port {port}, its domain on {node} another one ({domain}). Restart the guest from its page.",
    "audit.guest.interfaces":
      "Guest {guest} and its domain on {node} differ in their network interfaces: {missing} is known on one side only.",
    "audit.guest.disks":
      "Guest {guest} and its domain on {node} differ in their disks: {missing} is on one side only.",
    "audit.guest.seed": "Guest {guest} boots with {path}, which is not on node {node}.",
    "audit.domain.orphan":
      "The domain {domain} on {node} was made by JimV, and no guest is known for it. Remove it by virsh on {node} if nobody misses it.",
    "audit.disk.stuck": "Disk {disk} is {state}, and no task takes it further. Please report this.",
    "audit.disk.owner":
      "Disk {disk} is {state}, which does not go with the guest that it belongs to ({guest}).",
    "audit.disk.noFile": "Disk {disk} has no file: {path} is not on node {node}.",
    "audit.interface.nobody": "The network address {mac} is held for a guest that does not exist ({guest}).",
    "audit.port.nobody":
      "Port {port} of node {node} is held for a guest that does not come there. Please report this.",
    "audit.file.nobody":
      "{path} on {node} looks like a file of JimV's, and nothing owns it. Remove it if nobody misses it.",
    "audit.file.copy":
      "{path} on {node} is another file than that of the same name on {owner}, which is in use. Remove it if nobody misses it.",
    "audit.node.silent": "Node {node} is {state} and was not asked: its guests are not compared.",
    "audit.node.noAnswer": "Node {node} did not look at itself: task {id} says why on the page of tasks.",
    "audit.node.closed": "The folder {folder} on {node} can't be read.",
    "audit.noLeader": "No controller leads, so no node could be asked. Start JimV, then try again.",
  },
  "zh-CN": {
    "task.audit.look": "检查 {name}",
    "audit.step.domains": "检查域",
    "audit.step.files": "检查文件",
    "audit.task.overdue":
      "任务 {id}（{name} 的 {kind}）已超过期限仍未结束。请在任务页面查看是否有控制器在主持。",
    "audit.task.twice": "任务 {id} 的结束被通告了 {times} 次。请报告此问题。",
    "audit.task.holds": "任务 {id}（{name} 的 {kind}）已结束，却仍阻止其他任务开始。请报告此问题。",
    "audit.task.leftovers": "任务 {id}（{name} 的 {kind}）在节点 {node} 上留有半成品，该节点会一直尝试清理。",
    "audit.task.noReason": "任务 {id}（{name} 的 {kind}）失败但没有说明原因。请报告此问题。",
    "audit.guest.stuck": "虚拟机 {guest} 处于 {state}，却没有任务推进。请报告此问题。",
    "audit.guest.noDomain":
      "虚拟机 {guest} 处于 {state}，但节点 {node} 上没有它的域。请删除该虚拟机，或重新定义其域。",
    "audit.guest.elsewhere":
      "虚拟机 {guest} 属于节点 {node}，它的域却在 {other} 上。处理前请先停止那里的 JimV。",
    "audit.guest.twice":
      "虚拟机 {guest} 在 {nodes} 上都有域。若同时运行，请立即只保留 {node} 上的：其磁盘有损坏的危险。",
    "audit.guest.state": "虚拟机 {guest} 显示为 {state}，但它在 {node} 上的域是 {domain}。",
    "audit.guest.size": "虚拟机 {guest} 为 {vcpus} 个 vCPU、{memoryMiB} MiB，与 {node} 上的域不一致。",
    "audit.guest.port":
      "虚拟机 {guest} 的 VNC 端口是 {port}，{node} 上的域却是另一个（{domain}）。请在其页面重启该虚拟机。",
    "audit.guest.interfaces": "虚拟机 {guest} 与 {node} 上的域网络接口不一致：{missing} 只在一方存在。",
    "audit.guest.disks": "虚拟机 {guest} 与 {node} 上的域磁盘不一致：{missing} 只在一方存在。",
    "audit.guest.seed": "虚拟机 {guest} 启动所用的 {path} 不在节点 {node} 上。",
    "audit.domain.orphan":
      "{node} 上的域 {domain} 由 JimV 创建，但没有对应的虚拟机。若无人需要，请在 {node} 上用 virsh 删除。",
    "audit.disk.stuck": "磁盘 {disk} 处于 {state}，却没有任务推进。请报告此问题。",
    "audit.disk.owner": "磁盘 {disk} 处于 {state}，与其所属的虚拟机（{guest}）不符。",
    "audit.disk.noFile": "磁盘 {disk} 没有文件：节点 {node} 上没有 {path}。",
    "audit.interface.nobody": "网络地址 {mac} 被一台不存在的虚拟机（{guest}）占用。",
    "audit.port.nobody": "节点 {node} 的端口 {port} 为一台并未迁来的虚拟机保留。请报告此问题。",
    "audit.file.nobody": "{node} 上的 {path} 像是 JimV 的文件，但不属于任何对象。若无人需要，请删除。",
    "audit.file.copy": "{node} 上的 {path} 与 {owner} 上正在使用的同名文件不是同一个。若无人需要，请删除。",
    "audit.node.silent": "节点 {node} 处于 {state}，未被询问：其虚拟机没有比对。",
    "audit.node.noAnswer": "节点 {node} 未能检查自身：原因见任务页面中的任务 {id}。",
    "audit.node.closed": "{node} 上的目录 {folder} 无法读取。",
    "audit.noLeader": "没有控制器在主持，无法询问节点。请启动 JimV 后重试。",
  },
});
