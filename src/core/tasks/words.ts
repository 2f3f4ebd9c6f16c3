/** The texts of tasks in general and of what a hypervisor refuses. A kind's own name (`task.<kind>`) comes from its plugin. */
import { defineWords } from "../words.ts";

export const taskWords = defineWords({
  en: {
    "task.step.waits": "Waiting for what it needs first",
    "task.firstCancelled": "What this needed first ({name}) was cancelled. Ask for it again.",
    "task.step.queued": "Waiting for the node",
    "task.step.started": "Beginning",
    "task.step.again": "Trying once more",
    "task.cancelled": "It was cancelled. What it had made so far is taken back.",
    "task.notFound": "There is no such task. Ended tasks are kept for 90 days.",
    "task.alreadyEnded": "This task has ended already, so there is nothing left to cancel.",
    "task.notCancellable": "This task can't be stopped half-way: it ends by itself within a short time.",
    "task.nodeUnknown": "Node {node} never reported to this controller. Start JimV there, then try again.",
    "node.refused.taken":
      "The name {node} belongs to another machine of this cluster. Give this machine (machine-id {machine}) another hostname, or remove the old node on its page first, then join again.",
    "node.refused.unknown":
      "The cluster has no node {node}. It was removed, or never joined: make a token on the page of nodes and join with it.",
    "node.refused.tooOld":
      "Node {node} runs JimV {version}, which is too old for the controller (protocol {theirs}, needed {ours} or one less). It gets no tasks until it is upgraded.",
    "node.refused.tooNew":
      "Node {node} runs JimV {version}, which is too new for the controller (protocol {theirs}, it knows {ours} and one more). It gets no tasks until the controller is upgraded.",
    "task.expiredQueued":
      "Node {node} did not take the task in time, and it was withdrawn. See on the node's page whether it is live, then try again.",
    "task.expiredRunning":
      "Node {node} did not finish in time, so the task was ended. See the node's load and storage, then try again.",
    "task.interrupted":
      "JimV on node {node} stopped while the task ran. What was half made is taken back; try again.",
    "task.leftoversStay":
      "What an earlier attempt left could not be removed yet. JimV goes on trying; repeat this in a minute.",
    "task.unknownKind":
      "The node doesn't know tasks of the kind “{kind}”: it runs an older JimV, or lacks a plugin. Upgrade it.",
    "task.badPayload":
      "The node could not read the task ({kind}, {path}). Controller and node run different versions: upgrade the older one.",
    "task.badResult":
      "The node's answer could not be read ({kind}). Controller and node run different versions: upgrade the older one.",
    "task.defect":
      "JimV made a mistake on the node: {detail}. The node's log has more. What was half made is taken back.",
    "hypervisor.unavailable": "libvirtd can't be reached. Start it on the node, then try again. ({detail})",
    "hypervisor.timeout":
      "libvirtd or the storage did not answer in time. See the node's workers, then try again. ({detail})",
    "hypervisor.peerUnreachable":
      "The other node's libvirtd can't be reached. Check the network between the nodes and that libvirtd listens there, then try again. ({detail})",
    "hypervisor.notFound": "Something that is needed is not there: {detail}",
    "hypervisor.exists":
      "There is something of this name already. Remove or rename it on the node, then try again. ({detail})",
    "hypervisor.wrongState": "The guest's present state doesn't allow this: {detail}",
    "hypervisor.portInUse":
      "The VNC port is taken by another program. Try again: another port is chosen. ({detail})",
    "hypervisor.noSpace":
      "The storage is full. Free some space, or choose a smaller disk or another node. ({detail})",
    "hypervisor.noMemory":
      "The node has too little free memory. Stop a guest there, or choose less memory or another node. ({detail})",
    "hypervisor.agentSilent":
      "The guest agent doesn't answer. See that qemu-guest-agent is installed and runs in the guest. ({detail})",
    "hypervisor.denied":
      "The node's system forbids this. See the rights of the files and folders, and AppArmor or SELinux. ({detail})",
    "hypervisor.invalid": "libvirt or qemu-img refused this: {detail}",
    "hypervisor.unsupported": "The node's libvirt or QEMU can't do this. Upgrade it. ({detail})",
    "hypervisor.cancelled": "It was cancelled. What it had made so far is taken back.",
    "hypervisor.internal": "libvirt failed: {detail}. The log of libvirtd on the node says more.",
  },
  "zh-CN": {
    "task.step.waits": "等待前置任务完成",
    "task.firstCancelled": "其前置任务（{name}）已取消，请重新发起。",
    "task.step.queued": "等待节点执行",
    "task.step.started": "开始执行",
    "task.step.again": "正在重试",
    "task.cancelled": "任务已取消，已完成的部分会被撤回。",
    "task.notFound": "没有这个任务。已结束的任务保留 90 天。",
    "task.alreadyEnded": "任务已经结束，无需取消。",
    "task.notCancellable": "该任务不能中途停止，它很快会自行结束。",
    "task.nodeUnknown": "节点 {node} 从未向本控制器报告。请在该节点启动 JimV 后重试。",
    "node.refused.taken":
      "名称 {node} 已属于本集群的另一台机器。请为这台机器（machine-id {machine}）更换主机名，或先在节点页面移除旧节点，然后重新加入。",
    "node.refused.unknown":
      "集群中没有节点 {node}：它已被移除，或从未加入。请在节点页面生成令牌，然后用它加入。",
    "node.refused.tooOld":
      "节点 {node} 运行的 JimV {version} 对控制器来说太旧（协议 {theirs}，需要 {ours} 或低一级）。升级之前不会向它派发任务。",
    "node.refused.tooNew":
      "节点 {node} 运行的 JimV {version} 对控制器来说太新（协议 {theirs}，控制器支持 {ours} 及高一级）。升级控制器之前不会向它派发任务。",
    "task.expiredQueued": "节点 {node} 未能按时接收任务，任务已撤回。请在节点页面确认它在线后重试。",
    "task.expiredRunning": "节点 {node} 未能按时完成，任务已终止。请查看节点的负载和存储后重试。",
    "task.interrupted": "任务执行期间节点 {node} 上的 JimV 停止了。未完成的部分会被撤回，请重试。",
    "task.leftoversStay": "上一次尝试的残留尚未清除。JimV 会继续清理，请一分钟后重试。",
    "task.unknownKind": "节点不认识“{kind}”类任务：其 JimV 版本较旧或缺少插件，请升级该节点。",
    "task.badPayload": "节点无法读取任务（{kind}，{path}）。控制器与节点版本不一致，请升级较旧的一方。",
    "task.badResult": "无法读取节点的结果（{kind}）。控制器与节点版本不一致，请升级较旧的一方。",
    "task.defect": "节点上的 JimV 出错：{detail}。详情见节点日志，未完成的部分会被撤回。",
    "hypervisor.unavailable": "无法连接 libvirtd。请在节点上启动它后重试。（{detail}）",
    "hypervisor.timeout": "libvirtd 或存储未按时响应。请查看节点的工作线程后重试。（{detail}）",
    "hypervisor.peerUnreachable":
      "无法连接另一节点的 libvirtd。请检查节点间网络以及对方 libvirtd 是否监听，然后重试。（{detail}）",
    "hypervisor.notFound": "缺少所需的对象：{detail}",
    "hypervisor.exists": "已存在同名对象。请在节点上删除或改名后重试。（{detail}）",
    "hypervisor.wrongState": "虚拟机当前状态不允许此操作：{detail}",
    "hypervisor.portInUse": "VNC 端口被其他程序占用。请重试，系统会另选端口。（{detail}）",
    "hypervisor.noSpace": "存储空间已满。请释放空间，或选择更小的磁盘或其他节点。（{detail}）",
    "hypervisor.noMemory": "节点可用内存不足。请在该节点关停虚拟机，或减少内存，或选择其他节点。（{detail}）",
    "hypervisor.agentSilent": "客户机代理没有响应。请确认虚拟机内已安装并运行 qemu-guest-agent。（{detail}）",
    "hypervisor.denied":
      "节点系统拒绝了此操作。请检查文件和文件夹权限，以及 AppArmor 或 SELinux。（{detail}）",
    "hypervisor.invalid": "libvirt 或 qemu-img 拒绝了此操作：{detail}",
    "hypervisor.unsupported": "节点的 libvirt 或 QEMU 不支持此操作，请升级。（{detail}）",
    "hypervisor.cancelled": "任务已取消，已完成的部分会被撤回。",
    "hypervisor.internal": "libvirt 出错：{detail}。详情见节点上 libvirtd 的日志。",
  },
});
