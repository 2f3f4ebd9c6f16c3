/** The texts of guests: refusals, steps of tasks, the tasks' names; those of pages are in `words-pages.ts`. */
import { defineWords } from "jimv";
import { pageTexts } from "./words-pages.ts";

export const guestsWords = defineWords({
  en: {
    "guests.settings.memoryOvercommit": "Memory overcommit",
    "guests.settings.memoryOvercommitHint":
      "How many times a node's memory its running guests may have together. 1 is safe: more relies on guests not using all of it.",
    "guests.settings.vcpuOvercommit": "vCPU overcommit",
    "guests.settings.vcpuOvercommitHint":
      "How many vCPUs the running guests of a node may have together, for each of its CPUs.",
    "guests.settings.diskOvercommit": "Disk overcommit",
    "guests.settings.diskOvercommitHint":
      "How many times the free space of a storage folder new disks may grow to.",
    ...pageTexts.en,
    "task.guests.create": "Create {name}",
    "task.guests.start": "Start {name}",
    "task.guests.shutdown": "Shut down {name}",
    "task.guests.reboot": "Reboot {name}",
    "task.guests.forceStop": "Force {name} off",
    "task.guests.forceReboot": "Force {name} to reboot",
    "task.guests.pause": "Pause {name}",
    "task.guests.resume": "Resume {name}",
    "task.guests.delete": "Delete {name}",
    "task.guests.init": "Set up {name} through its agent",
    "task.guests.reshape": "Change {name}",
    "task.guests.attachDisk": "Attach a disk to {name}",
    "task.guests.detachDisk": "Detach a disk from {name}",
    // Steps
    "guests.step.again": "Removing what an earlier attempt made",
    "guests.step.template": "Looking at the template",
    "guests.step.copy": "Copying the image",
    "guests.step.link": "Linking to the template",
    "guests.step.dataDisk": "Making the data disks",
    "guests.step.seed": "Writing the seed disk",
    "guests.step.define": "Defining",
    "guests.step.port": "Changing the VNC port",
    "guests.step.start": "Booting",
    "guests.step.verify": "Seeing that it runs",
    "guests.step.shutdown": "Asked to shut down, waiting",
    "guests.step.reboot": "Asking the guest to reboot",
    "guests.step.reset": "Resetting",
    "guests.step.pause": "Pausing",
    "guests.step.resume": "Resuming",
    "guests.step.stop": "Forcing off",
    "guests.step.undefine": "Removing the definition",
    "guests.step.removeFile": "Removing its files",
    "guests.step.agent": "Waiting for the guest agent",
    "guests.step.password": "Setting the password",
    "guests.step.hostname": "Setting the host name",
    "guests.step.reshape": "Changing the definition",
    "guests.step.attach": "Attaching",
    "guests.step.detach": "Detaching",
    // Why not, by state
    "guests.is.creating": "{name} is still being created. Wait until that has ended, or cancel its task.",
    "guests.is.off": "{name} is off. Start it first.",
    "guests.is.starting": "{name} is just starting. Wait a moment.",
    "guests.is.running": "{name} runs. Shut it down first, or force it off.",
    "guests.is.paused": "{name} is paused. Resume it first, or force it off.",
    "guests.is.stopping": "{name} is just shutting down. Wait until it is off, or force it off.",
    "guests.is.crashed": "{name} has crashed and is off. Start it first.",
    "guests.is.migrating": "{name} is just moving to another node. Wait until it has arrived.",
    "guests.is.deleting": "{name} is being deleted.",
    "guests.is.failed":
      "{name} could not be created, so there is nothing to use. Delete it and create it anew.",
    "guests.is.vanished": "{name} is gone from its node. Look at its page: it says what can be done.",
    "guests.busy": "Another task is at work on {name}. Wait until it has ended; the guest's page shows it.",
    "guests.changing": "The guest changes just now. Look at its state, then try again.",
    "guests.notFound": "There is no guest {uuid}. It may have been deleted.",
    "guests.noDefinition":
      "The guest's node has not told its definition yet. It was asked: try again in a moment.",
    "guests.elsewhere":
      "{name} is on {other}, too, or may be: nobody heard how a migration there ended. So that it never runs twice, nothing is done to it before {other} has said that it has no such guest. Migrate it to {other} again: both nodes are looked at first, and it stays where it runs.",
    "guests.foundElsewhere":
      "{name} is gone from {node}, but {other} has it: a migration there ended unheard, or somebody moved it outside of JimV. Migrate it to {other}: both nodes are looked at, and it stays where it is.",
    "guests.vanished":
      "Node {node} has no such domain any more: somebody removed it outside of JimV. If it is defined there again (virsh define), JimV takes it back. Else delete the guest; its disks go along.",
    "guests.deleteRunning": "{name} runs. Shut it down first, or delete it with force.",
    "guests.stillRuns": "{name} still runs on its node. Shut it down first, or delete it with force.",
    "guests.noOrphan": "There is no orphan {uuid} any more. Load the list again.",
    "guests.orphanHeld":
      "The guest {name} stands for this domain, so it is no orphan. Delete the guest, if you want that.",
    "guests.notOurs": "The domain {uuid} was not made by this JimV, so it is left alone.",
    "guests.nothingToChange": "Say at least one of name, remark, vcpus and memoryMiB.",
    "guests.diskBusy": "The disk {disk} is being changed. Wait until that has ended.",
    // Names
    "guests.nameLong": "A name has at most {most} characters, with the number of a batch.",
    "guests.nameCharacters":
      "A name has letters, digits, and - _ . in between (A–Z, a–z, 0–9). It becomes the host name, too.",
    "guests.nameDots":
      "A name must make a host name: no - or _ beside a dot, at the start or at the end, and no two dots together.",
    "guests.nameHidden": "Names beginning with {prefix} are kept for libguestfs. Choose another.",
    "guests.nameTaken":
      "There is a guest called {name} already (upper and lower case count as the same). Choose another name.",
    "guests.nameForeign":
      "Node {node} has a virtual machine called {name} that JimV did not make. Choose another name.",
    // What does not fit
    "guests.nodeUnknown": "There is no node {node}.",
    "guests.nodeRemoved":
      "Node {node} was removed, and this guest waits for its return. Let the machine join again, or take the guest off the books on the page of nodes.",
    "guests.nodeAway": "Node {node} does not answer. Start JimV there, or choose another node.",
    "guests.nodeHypervisor": "libvirt on node {node} is away, so nothing can be made there. {reason}",
    "guests.nodeMaintenance":
      "Node {node} is in maintenance and takes no guests. End it on the node's page, or choose another node.",
    "guests.nodeNoEmulator":
      "Node {node} has no QEMU that could run guests. Install QEMU there (jimv check says how), then try again.",
    "guests.nodeUnconfigured":
      "Node {node} is not set up yet: it needs a storage folder, a network and VNC ports.",
    "guests.nodeClosed":
      "Node {node} does not take automatic guests. Let it on its page, or choose it by name.",
    "guests.templateUnchecked": "The template {template} was not checked yet. Check it, then try again.",
    "guests.noMemory":
      "This needs {needMiB} MiB of memory, and {freeMiB} of {mostMiB} MiB are left for guests on {node}. Choose less, stop a guest, or raise the overcommit setting.",
    "guests.noVcpus":
      "This needs {need} vCPUs, and {free} of {most} are left for guests on {node}. Choose fewer, stop a guest, or raise the overcommit setting.",
    "guests.poolUnknown":
      "There is no storage pool {pool}. Choose another, or change the default in the settings.",
    "guests.extraUnknown":
      "No plugin called {name} takes anything when guests are made. Leave it out, or load the plugin.",
    "guests.settings.defaultPool": "Storage pool for new guests",
    "guests.settings.defaultPoolHint": "Its name; for guests that don't name another one.",
    "guests.noNode": "No node can take this guest.",
    "guests.fewPlaces": "The nodes have room for {placed} of these {count} guests; nothing was made.",
    "guests.noNodes": "There is no node yet that could take guests. Start JimV on a machine first.",
    "guests.manyVcpus": "Node {node} can give a guest at most {most} vCPUs, not {vcpus}.",
    "guests.noDisk":
      "This writes {needMiB} MiB at once, and {freeMiB} MiB are free in the pool of {node}. Free some space, or link to the template.",
    "guests.noDiskGrowth":
      "The disks may grow to {needMiB} MiB together, and {freeMiB} MiB may still be promised in the pool of {node} (what is free, times the overcommit setting). Choose smaller disks, free some space, or raise the setting.",
    "guests.noPasswordWay":
      "Guests of the template {template} are told no password: leave the field empty, or let the template use cloud-init or the agent.",
    "guests.noKeyWay":
      "Only cloud-init brings SSH keys into a guest, and the template {template} does not use it: leave the field empty.",
    "guests.diskSmall": "The disk must hold the template {template}: at least {leastGiB} GiB.",
    "guests.portsOutside":
      "{count} used VNC ports of {node} would lie outside of the range: {ports}. Keep them in it, or delete their guests first.",
    "guests.noPort":
      "All VNC ports of node {node} ({first}–{last}) are taken. Widen the range on the node's page, or delete a guest.",
    "guests.bookingBusy":
      "Too many guests are being created at once. Nothing was made; try again in a moment.",
    // What tasks say when they fail
    "guests.templateChanged":
      "The template's image {path} is not what it was when it was checked (format {was}, now {now}, or it refers to another file). Check it again on the template's page.",
    "guests.templateGone":
      "The template's image {path} is not there any more. Put it back or register another one, then create the guest anew.",
    "guests.diedAtStart":
      "{name} was started and ended at once. Its log is in /var/log/libvirt/qemu on the node.",
    "guests.shutdownIgnored":
      "The guest was asked to shut down and still runs after {seconds} seconds. See its console, or force it off.",
    "guests.agentSilent":
      "The guest agent did not answer within {seconds} seconds, so the password is not set. See that qemu-guest-agent runs in the guest, then try again.",
    "guests.initGuestOff":
      "The guest is off, so its agent can't be asked. It is tried again when the guest starts.",
    "guests.initNoHostname":
      "The password is set. The host name is not: the agent does not run commands in this guest.",
    "guests.initNotAgent": "This guest is not set up through the guest agent.",
    "guests.initNotRunning": "The guest must run for that. Start it first.",
    "guests.initBusy": "The set-up is under way already, or there is no password to set.",
    "guests.noPassword": "JimV knows no password of this guest: it has the one of its image.",
    // Disks
    "guests.diskElsewhere": "The disk {disk} is on node {node}, and the guest is not.",
    "guests.manyDisks": "{name} has {most} disks already; that is the most.",
    "guests.diskFree": "The disk {disk} is not attached.",
    "guests.diskWhileRunning":
      "Disks are attached and detached while the guest is off. Shut {name} down first.",
  },
  "zh-CN": {
    "guests.settings.memoryOvercommit": "内存超分",
    "guests.settings.memoryOvercommitHint":
      "节点上运行的虚拟机内存总和最多为节点内存的多少倍。1 最安全，更大则依赖虚拟机不会用满内存。",
    "guests.settings.vcpuOvercommit": "vCPU 超配",
    "guests.settings.vcpuOvercommitHint": "节点上运行的虚拟机的 vCPU 总数，可为其 CPU 数的多少倍。",
    "guests.settings.diskOvercommit": "磁盘超分",
    "guests.settings.diskOvercommitHint": "新磁盘最多可增长到存储文件夹可用空间的多少倍。",
    ...pageTexts["zh-CN"],
    "task.guests.create": "创建 {name}",
    "task.guests.start": "启动 {name}",
    "task.guests.shutdown": "关闭 {name}",
    "task.guests.reboot": "重启 {name}",
    "task.guests.forceStop": "强制关闭 {name}",
    "task.guests.forceReboot": "强制重启 {name}",
    "task.guests.pause": "暂停 {name}",
    "task.guests.resume": "恢复 {name}",
    "task.guests.delete": "删除 {name}",
    "task.guests.init": "通过代理设置 {name}",
    "task.guests.reshape": "变更 {name}",
    "task.guests.attachDisk": "为 {name} 挂载磁盘",
    "task.guests.detachDisk": "从 {name} 卸载磁盘",
    "guests.step.again": "清除上次尝试的残留",
    "guests.step.template": "检查模板",
    "guests.step.copy": "复制镜像",
    "guests.step.link": "链接到模板",
    "guests.step.dataDisk": "创建数据盘",
    "guests.step.seed": "写入初始化盘",
    "guests.step.define": "定义虚拟机",
    "guests.step.port": "更换 VNC 端口",
    "guests.step.start": "启动中",
    "guests.step.verify": "确认运行状态",
    "guests.step.shutdown": "已请求关机，等待中",
    "guests.step.reboot": "请求客户机重启",
    "guests.step.reset": "正在重置",
    "guests.step.pause": "正在暂停",
    "guests.step.resume": "正在恢复",
    "guests.step.stop": "正在强制关机",
    "guests.step.undefine": "移除定义",
    "guests.step.removeFile": "删除文件",
    "guests.step.agent": "等待客户机代理",
    "guests.step.password": "设置密码",
    "guests.step.hostname": "设置主机名",
    "guests.step.reshape": "变更定义",
    "guests.step.attach": "挂载中",
    "guests.step.detach": "卸载中",
    "guests.is.creating": "{name} 仍在创建中。请等待创建结束，或取消该任务。",
    "guests.is.off": "{name} 已关机，请先启动。",
    "guests.is.starting": "{name} 正在启动，请稍候。",
    "guests.is.running": "{name} 正在运行，请先关机或强制关机。",
    "guests.is.paused": "{name} 已暂停，请先恢复或强制关机。",
    "guests.is.stopping": "{name} 正在关机。请等待关机完成，或强制关机。",
    "guests.is.crashed": "{name} 已崩溃并处于关机状态，请先启动。",
    "guests.is.migrating": "{name} 正在迁移到其他节点，请等待迁移完成。",
    "guests.is.deleting": "{name} 正在删除。",
    "guests.is.failed": "{name} 未能创建，无法使用。请删除后重新创建。",
    "guests.is.vanished": "{name} 在节点上已不存在。请查看虚拟机页面，其中说明了如何处理。",
    "guests.busy": "{name} 上有其他任务正在进行，请等待其结束；虚拟机页面可查看该任务。",
    "guests.changing": "虚拟机状态正在变化，请查看其状态后重试。",
    "guests.notFound": "没有虚拟机 {uuid}，可能已被删除。",
    "guests.noDefinition": "节点尚未上报该虚拟机的定义。已经询问，请稍后再试。",
    "guests.elsewhere":
      "{name} 同时在（或可能在）{other} 上：没有收到一次迁移的结果。为避免它同时运行两份，在 {other} 报告没有该虚拟机之前，不会对它做任何操作。请再次将它迁移到 {other}：会先查看两边，它保留在正在运行的一边。",
    "guests.foundElsewhere":
      "{name} 已不在 {node} 上，但 {other} 上有该虚拟机：没有收到一次迁移的结果，或有人在 JimV 之外移动了它。请将它迁移到 {other}：会查看两边，它保留在所在的一边。",
    "guests.vanished":
      "节点 {node} 上已没有该虚拟机的定义：有人在 JimV 之外将其移除。如在该节点上重新定义（virsh define），JimV 会自动接管；否则请删除该虚拟机，其磁盘会一并删除。",
    "guests.deleteRunning": "{name} 正在运行。请先关机，或选择强制删除。",
    "guests.stillRuns": "{name} 仍在节点上运行。请先关机，或选择强制删除。",
    "guests.noOrphan": "无主虚拟机 {uuid} 已不存在，请重新加载列表。",
    "guests.orphanHeld": "该虚拟机属于 {name}，并非无主。如需删除，请删除虚拟机本身。",
    "guests.notOurs": "虚拟机 {uuid} 不是由本 JimV 创建的，不会改动它。",
    "guests.nothingToChange": "请至少给出 name、remark、vcpus、memoryMiB 之一。",
    "guests.diskBusy": "磁盘 {disk} 正在变更，请等待其结束。",
    "guests.nameLong": "名称（含批量编号）最多 {most} 个字符。",
    "guests.nameCharacters": "名称可用字母、数字，中间可用 - _ .（A–Z、a–z、0–9）。它同时作为主机名。",
    "guests.nameDots": "名称必须能作为主机名：点号两侧、开头和结尾不能有 - 或 _，也不能有连续的点号。",
    "guests.nameHidden": "以 {prefix} 开头的名称为 libguestfs 保留，请换一个。",
    "guests.nameTaken": "已有名为 {name} 的虚拟机（不区分大小写），请换一个名称。",
    "guests.nameForeign": "节点 {node} 上有一台非 JimV 创建的虚拟机 {name}，请换一个名称。",
    "guests.nodeUnknown": "没有节点 {node}。",
    "guests.nodeRemoved":
      "节点 {node} 已被移除，该虚拟机在等待它恢复。请让该机器重新加入，或在节点页面将虚拟机从登记中删除。",
    "guests.nodeAway": "节点 {node} 没有响应。请在该节点启动 JimV，或选择其他节点。",
    "guests.nodeHypervisor": "节点 {node} 上的 libvirt 不可用，无法在其上创建。{reason}",
    "guests.nodeMaintenance": "节点 {node} 正在维护，不接收虚拟机。请在节点页面结束维护，或选择其他节点。",
    "guests.nodeNoEmulator":
      "节点 {node} 没有可用的 QEMU。请在该节点安装 QEMU（jimv check 会告诉您如何安装），然后重试。",
    "guests.nodeUnconfigured": "节点 {node} 尚未配置：需要存储目录、网络和 VNC 端口。",
    "guests.nodeClosed": "节点 {node} 不接收自动分配的虚拟机。请在节点页面开启，或在此明确选择它。",
    "guests.templateUnchecked": "模板 {template} 尚未检查，请检查后重试。",
    "guests.noMemory":
      "需要 {needMiB} MiB 内存，而节点 {node} 可供虚拟机使用的 {mostMiB} MiB 中只剩 {freeMiB} MiB。请减少内存、关闭一台虚拟机，或提高超配设置。",
    "guests.noVcpus":
      "需要 {need} 个 vCPU，而节点 {node} 可供虚拟机使用的 {most} 个中只剩 {free} 个。请减少 vCPU、关闭一台虚拟机，或提高超配设置。",
    "guests.poolUnknown": "没有存储池 {pool}。请另选，或在设置中修改默认值。",
    "guests.extraUnknown": "没有名为 {name} 的插件参与创建虚拟机。请去掉它，或加载该插件。",
    "guests.settings.defaultPool": "新虚拟机的存储池",
    "guests.settings.defaultPoolHint": "填写名称；用于未指定存储池的虚拟机。",
    "guests.noNode": "没有节点可以接收该虚拟机。",
    "guests.fewPlaces": "各节点只能容纳这 {count} 台虚拟机中的 {placed} 台，未创建任何内容。",
    "guests.noNodes": "尚无可接收虚拟机的节点。请先在一台机器上启动 JimV。",
    "guests.manyVcpus": "节点 {node} 最多可为一台虚拟机提供 {most} 个 vCPU，不能是 {vcpus} 个。",
    "guests.noDisk":
      "需要立即写入 {needMiB} MiB，而节点 {node} 的存储池只剩 {freeMiB} MiB。请释放空间，或链接到模板。",
    "guests.noDiskGrowth":
      "这些磁盘合计可能增长到 {needMiB} MiB，而节点 {node} 的存储池只能再分配 {freeMiB} MiB（可用空间乘以超配系数）。请选择更小的磁盘、释放空间，或提高该设置。",
    "guests.noPasswordWay":
      "模板 {template} 的虚拟机不会被设置密码：请将此项留空，或让模板使用 cloud-init 或客户机代理。",
    "guests.noKeyWay": "只有 cloud-init 能把 SSH 密钥写入虚拟机，而模板 {template} 不使用它：请将此项留空。",
    "guests.diskSmall": "磁盘必须容纳模板 {template}：至少 {leastGiB} GiB。",
    "guests.portsOutside":
      "{node} 上有 {count} 个使用中的 VNC 端口在新范围之外：{ports}。请保留这些端口，或先删除对应的虚拟机。",
    "guests.noPort":
      "节点 {node} 的 VNC 端口（{first}–{last}）已用完。请在节点页面扩大范围，或删除一台虚拟机。",
    "guests.bookingBusy": "同时创建的虚拟机过多，本次未创建任何内容；请稍后重试。",
    "guests.templateChanged":
      "模板镜像 {path} 与登记时不同（原格式 {was}，现格式 {now}，或引用了其他文件）。请在模板页面重新检查。",
    "guests.templateGone": "模板镜像 {path} 已不存在。请恢复该文件或登记其他模板，然后重新创建。",
    "guests.diedAtStart": "{name} 启动后立即退出。日志位于节点的 /var/log/libvirt/qemu。",
    "guests.shutdownIgnored": "已请求客户机关机，但 {seconds} 秒后仍在运行。请查看控制台，或强制关机。",
    "guests.agentSilent":
      "客户机代理在 {seconds} 秒内没有响应，密码未设置。请确认客户机内 qemu-guest-agent 正在运行，然后重试。",
    "guests.initGuestOff": "虚拟机已关机，无法联系其代理。下次启动时会再次尝试。",
    "guests.initNoHostname": "密码已设置。主机名未设置：该客户机的代理不允许执行命令。",
    "guests.initNotAgent": "该虚拟机不通过客户机代理设置。",
    "guests.initNotRunning": "虚拟机必须处于运行状态，请先启动。",
    "guests.initBusy": "设置正在进行，或没有可设置的密码。",
    "guests.noPassword": "JimV 不知道该虚拟机的密码：它沿用镜像中的密码。",
    "guests.diskElsewhere": "磁盘 {disk} 位于节点 {node}，与虚拟机不在同一节点。",
    "guests.manyDisks": "{name} 已有 {most} 块磁盘，达到上限。",
    "guests.diskFree": "磁盘 {disk} 未挂载。",
    "guests.diskWhileRunning": "挂载和卸载磁盘需在关机状态进行，请先关闭 {name}。",
  },
});
