/** The texts of boot jobs: refusals, steps, and what came of a job. */
import { defineWords } from "jimv";
import { pageTexts } from "./words-pages.ts";

export const bootJobsWords = defineWords({
  en: {
    ...pageTexts.en,
    "boot-jobs.step.wait": "Waiting to carry out boot jobs",
    "boot-jobs.step.carryOut": "Carrying out boot jobs on the guest's files",
    "boot-jobs.notFound": "There is no such boot job. It may have been removed.",
    "boot-jobs.noRule": "There is no such rule. It may have been removed or moved to another job.",
    "boot-jobs.nameTaken": "There is a boot job called {name} already. Choose another name.",
    "boot-jobs.changing": "Somebody else is changing this job just now. Look at it, then try again.",
    "boot-jobs.stillQueued": "{job} is queued on {count} guests. Take it back there first.",
    "boot-jobs.manyRules": "A job has at most {most} rules. Make another job.",
    "boot-jobs.sameJob": "The rule is in this job already. Choose another one.",
    "boot-jobs.pathForm": "A path begins with / (on Windows with its drive, as C:\\) and has no .. in it.",
    "boot-jobs.modeForm": "Permissions are three octal digits, as 644 or 0600.",
    "boot-jobs.pathNeeded": "Say which file.",
    "boot-jobs.pathUnused": "A command has no path. Leave it empty.",
    "boot-jobs.modeUnused": "Only a rule that writes a file sets permissions. Leave them empty.",
    "boot-jobs.unknownVariable":
      "There is no variable {{name}}. There are {known}. To write it as it stands, double the braces.",
    "boot-jobs.singleQuotes":
      "The shell reads no variables in single quotes. Put {{name}} into double quotes, or into none.",
    "boot-jobs.hereDocument":
      "{{name}} stands after <<, where quotes do not protect it. Write the text by a rule that writes a file.",
    "boot-jobs.openPart": "A part needs its beginning {?{name}} and its end {/{name}}. Write both.",
    "boot-jobs.partMisplaced":
      "Parts that may be left out are for texts of files. In a command, let the shell look at the value.",
    "boot-jobs.noValue":
      "{job} needs {{name}}, and {guest} has none. Give the guest one, or take the job back.",
    "boot-jobs.guestUnknown": "One of these guests is not there any more. Choose again.",
    "boot-jobs.guestGoes": "{guest} is being deleted or has failed. Leave it out.",
    "boot-jobs.queuedAlready": "{job} is queued on {guest} already. Take it back first.",
    "boot-jobs.underWay": "{guest} is booting, and its jobs may be under way. Try again when it has booted.",
    "boot-jobs.notQueued": "This job is not queued any more.",
    "boot-jobs.notEnded": "This job is still to be carried out. Take it back instead.",
    "boot-jobs.staysOff":
      "The boot job {job} failed, so that the guest stays off. Its log is on the guest's page.",
    "boot-jobs.interrupted":
      "The node ended while command {rule} ran. It is not carried out a second time: look into the guest, then queue the job again.",
    "boot-jobs.commandFailed": "Command {rule} ended with exit code {code}. The log has its output.",
    "boot-jobs.allLeftOut":
      "Nothing was done: all rules of this job are commands, which are not carried out on Windows. Use rules that write files.",
    "boot-jobs.markUnreadable":
      "The guest's mark of this job is not what JimV wrote. It is not known how far the job came: look into the guest, then queue the job again.",
    "boot-jobs.noSystem":
      "No operating system was found on the guest's disks, so there are no files to change. Boot jobs need a guest that is installed on its disk.",
    "boot-jobs.noGuestfs":
      "The node has no guestfish. Install libguestfs-tools (Debian) or libguestfs-tools-c (CentOS) there.",
    "boot-jobs.guestfsFailed": "libguestfs says: {detail}",
    "boot-jobs.guestfsSlow": "libguestfs did not answer in time to: {detail}. Look at the load of the node.",
    "boot-jobs.twoCephs":
      "The guest's disks lie in two Ceph pools with different monitors or users, and libguestfs reaches one at a time. Detach the data disks of the other one before the boot.",
    "boot-jobs.applianceStays": "Processes of session {detail} hold the guest's disks and can't be ended.",
    "boot-jobs.value.name": "The guest's name",
    "boot-jobs.value.hostname": "Its hostname",
    "boot-jobs.value.uuid": "Its UUID",
    "boot-jobs.value.user": "The user whose password JimV knows",
    "boot-jobs.value.password": "That user's password",
    "boot-jobs.value.mac": "The MAC address of its first network interface",
    "boot-jobs.value.sshKey": "The public SSH key of the settings",
  },
  "zh-CN": {
    ...pageTexts["zh-CN"],
    "boot-jobs.step.wait": "等待执行启动作业",
    "boot-jobs.step.carryOut": "正在对虚拟机的文件执行启动作业",
    "boot-jobs.notFound": "没有这个启动作业，它可能已被删除。",
    "boot-jobs.noRule": "没有这条规则，它可能已被删除或移到其他作业。",
    "boot-jobs.nameTaken": "已有名为 {name} 的启动作业，请换一个名称。",
    "boot-jobs.changing": "有人正在修改此作业，请查看后重试。",
    "boot-jobs.stillQueued": "{job} 仍在 {count} 台虚拟机上排队，请先撤回。",
    "boot-jobs.manyRules": "一个作业最多 {most} 条规则，请另建作业。",
    "boot-jobs.sameJob": "规则已在此作业中，请选择另一个作业。",
    "boot-jobs.pathForm": "路径以 / 开头（Windows 以盘符开头，如 C:\\），且不含 ..。",
    "boot-jobs.modeForm": "权限为三位八进制数，如 644 或 0600。",
    "boot-jobs.pathNeeded": "请指明文件。",
    "boot-jobs.pathUnused": "命令没有路径，请留空。",
    "boot-jobs.modeUnused": "只有写入文件的规则可设置权限，请留空。",
    "boot-jobs.unknownVariable": "没有变量 {{name}}。可用的有 {known}。若要原样写出，请使用双层花括号。",
    "boot-jobs.singleQuotes": "shell 在单引号内不读取变量，请将 {{name}} 放入双引号，或不加引号。",
    "boot-jobs.hereDocument": "{{name}} 位于 << 之后，引号在那里不起保护作用，请改用写入文件的规则。",
    "boot-jobs.openPart": "可省略的部分需要开头 {?{name}} 和结尾 {/{name}}，请都写上。",
    "boot-jobs.partMisplaced": "可省略的部分只用于文件内容；在命令中请由 shell 判断变量的值。",
    "boot-jobs.noValue": "{job} 需要 {{name}}，而 {guest} 没有。请先为其提供，或撤回该作业。",
    "boot-jobs.guestUnknown": "其中一台虚拟机已不存在，请重新选择。",
    "boot-jobs.guestGoes": "{guest} 正在删除或已失败，请不要选择它。",
    "boot-jobs.queuedAlready": "{job} 已在 {guest} 上排队，请先撤回。",
    "boot-jobs.underWay": "{guest} 正在启动，其作业可能正在执行，请在启动后重试。",
    "boot-jobs.notQueued": "此作业已不在队列中。",
    "boot-jobs.notEnded": "此作业尚未执行，请改为撤回。",
    "boot-jobs.staysOff": "启动作业 {job} 失败，虚拟机保持关机，日志见虚拟机页面。",
    "boot-jobs.interrupted": "节点在执行第 {rule} 条命令时终止，该命令不会再次执行：请检查虚拟机后重新排队。",
    "boot-jobs.commandFailed": "第 {rule} 条命令的退出码为 {code}，输出见日志。",
    "boot-jobs.allLeftOut":
      "什么也没有执行：此作业的规则全是命令，而 Windows 上不执行命令，请改用写入文件的规则。",
    "boot-jobs.markUnreadable":
      "虚拟机中此作业的标记不是 JimV 所写，无法得知作业进行到何处：请检查虚拟机后重新排队。",
    "boot-jobs.noSystem":
      "虚拟机磁盘上未找到操作系统，没有可修改的文件。启动作业需要系统安装在磁盘上的虚拟机。",
    "boot-jobs.noGuestfs":
      "节点上没有 guestfish，请安装 libguestfs-tools（Debian）或 libguestfs-tools-c（CentOS）。",
    "boot-jobs.guestfsFailed": "libguestfs 报告：{detail}",
    "boot-jobs.guestfsSlow": "libguestfs 未及时回应：{detail}。请检查节点负载。",
    "boot-jobs.twoCephs":
      "虚拟机的磁盘位于监视器或用户不同的两个 Ceph 存储池中，而 libguestfs 一次只能访问一个，请在启动前卸下另一个池中的数据磁盘。",
    "boot-jobs.applianceStays": "会话 {detail} 的进程占用虚拟机磁盘且无法结束。",
    "boot-jobs.value.name": "虚拟机名称",
    "boot-jobs.value.hostname": "主机名",
    "boot-jobs.value.uuid": "UUID",
    "boot-jobs.value.user": "JimV 掌握其密码的用户",
    "boot-jobs.value.password": "该用户的密码",
    "boot-jobs.value.mac": "第一块网卡的 MAC 地址",
    "boot-jobs.value.sshKey": "设置中的 SSH 公钥",
  },
});
