/** The texts of address pools: refusals, and the settings. */
import { defineWords } from "jimv";
import { pageTexts } from "./words-pages.ts";
import { replaceTexts } from "./words-replace.ts";

export const addressesWords = defineWords({
  en: {
    ...pageTexts.en,
    ...replaceTexts.en,
    "addresses.settings.restMinutes": "Rest of released addresses (minutes)",
    "addresses.settings.restMinutesHint":
      "So long an address is not given out again after its guest is gone, so that neighbours forget it.",
    "addresses.value.ip": "The guest's booked address",
    "addresses.value.prefix": "The length of its network's prefix, such as 24",
    "addresses.value.netmask": "Its network's mask, such as 255.255.255.0",
    "addresses.value.gateway": "Its gateway",
    "addresses.value.dns1": "Its first DNS server",
    "addresses.value.dns2": "Its second DNS server",
    "addresses.notFound": "There is no such address pool. It may have been deleted.",
    "addresses.nameForm": "Letters, digits, - _ and . in between.",
    "addresses.nameTaken": "There is an address pool called {name} already. Choose another name.",
    "addresses.notAddress": "This is no address. Write it like 192.0.2.7 or 2001:db8::7.",
    "addresses.notUsable": "No guest can have {address}. Choose an address that a machine can have.",
    "addresses.bridgeForm": "A bridge's name has up to 15 letters, digits, - _ and .",
    "addresses.otherFamily": "{first} is of the other family. All addresses of a pool are IPv4, or all IPv6.",
    "addresses.backwards": "The range ends before it begins: the last address must not be below {first}.",
    "addresses.prefixLong": "The prefix has at most {most} bits.",
    "addresses.outsideNetwork": "This address lies outside of the network {network}.",
    "addresses.isNetwork": "{address} is the network's own address. Begin with the next one.",
    "addresses.isBroadcast": "{address} is the network's broadcast address. End with the one before it.",
    "addresses.overlaps":
      "The pool {pool} has some of these addresses already. Choose a range that it doesn't have.",
    "addresses.keepsFamily": "The pool {pool} keeps its family. Make another pool for the other one.",
    "addresses.usedOutside":
      "{count} used addresses would lie outside of the pool {pool}: {addresses}. Keep them in the range, or delete their guests first.",
    "addresses.reservedOutside":
      "{count} reserved addresses would lie outside of the pool {pool}: {addresses}. Keep them in the range, or make them free first.",
    "addresses.poolUsed":
      "{count} addresses of the pool {pool} are used: {addresses}. Delete their guests first, or replace these addresses.",
    "addresses.poolReserved":
      "{count} addresses of the pool {pool} are reserved: {addresses}. Make them free first, or say that they go along (withReserved).",
    "addresses.poolFull":
      "The pool {pool} has {free} free addresses, and {asked} are needed. Grow the pool, or choose another.",
    "addresses.outsidePool": "The pool {pool} goes from {first} to {last}. Choose addresses in between.",
    "addresses.tooMany": "At most {most} addresses can be reserved at once.",
    "addresses.inUse": "{address} is used by a guest. Delete the guest first, or choose another address.",
    "addresses.noSuchAddress": "{address} is neither reserved nor resting in this pool.",
    "addresses.changing": "The pool was changed at the same moment. Look again, then try again.",
    "addresses.wrongFamily": "The pool {pool} is of the other family. Choose it in the other field.",
    "addresses.twoBridges":
      "The pools {one} and {other} are on different bridges, and a guest has one interface. Choose two of the same bridge.",
    "addresses.noBridge":
      "Node {node} has no bridge {bridge}. Make it there, choose another node, or another address pool.",
    "addresses.lacks.driver":
      "Node {node} can't protect from spoofing: its libvirt has no network filters. Install libvirt's nwfilter driver there and restart libvirtd, choose another node, or switch spoofing protection off in the address pool.",
    "addresses.lacks.ebtables":
      "Node {node} can't protect from spoofing: it has no ebtables. Install it there, choose another node, or switch spoofing protection off in the address pool.",
    "addresses.busy": "Too many ask this pool for addresses at the same moment. Try again.",
  },
  "zh-CN": {
    ...pageTexts["zh-CN"],
    ...replaceTexts["zh-CN"],
    "addresses.settings.restMinutes": "释放后的静置时间（分钟）",
    "addresses.settings.restMinutesHint": "虚拟机删除后，其地址在此时间内不再分配，以便邻居忘记它。",
    "addresses.value.ip": "为虚拟机分配的地址",
    "addresses.value.prefix": "网络前缀长度，例如 24",
    "addresses.value.netmask": "子网掩码，例如 255.255.255.0",
    "addresses.value.gateway": "网关",
    "addresses.value.dns1": "第一个 DNS 服务器",
    "addresses.value.dns2": "第二个 DNS 服务器",
    "addresses.notFound": "没有这个地址池，可能已被删除。",
    "addresses.nameForm": "字母、数字，中间可用 - _ 和 .。",
    "addresses.nameTaken": "已有名为 {name} 的地址池，请换一个名称。",
    "addresses.notAddress": "这不是地址。请写成 192.0.2.7 或 2001:db8::7 的形式。",
    "addresses.notUsable": "虚拟机不能使用 {address}，请选择主机可用的地址。",
    "addresses.bridgeForm": "网桥名称最多 15 个字符，可用字母、数字和 - _ .",
    "addresses.otherFamily": "{first} 属于另一协议。一个地址池只能全为 IPv4 或全为 IPv6。",
    "addresses.backwards": "范围的结束早于起始：结束地址不能小于 {first}。",
    "addresses.prefixLong": "前缀长度最多 {most} 位。",
    "addresses.outsideNetwork": "此地址不在网络 {network} 内。",
    "addresses.isNetwork": "{address} 是网络地址，请从下一个地址开始。",
    "addresses.isBroadcast": "{address} 是广播地址，请以前一个地址结束。",
    "addresses.overlaps": "地址池 {pool} 已包含其中一些地址，请选择不重叠的范围。",
    "addresses.keepsFamily": "地址池 {pool} 的协议不能更改，请为另一协议新建地址池。",
    "addresses.usedOutside":
      "有 {count} 个已用地址会落在地址池 {pool} 之外：{addresses}。请保留在范围内，或先删除其虚拟机。",
    "addresses.reservedOutside":
      "有 {count} 个保留的地址将位于地址池 {pool} 之外：{addresses}。请将其留在范围内，或先设为空闲。",
    "addresses.poolUsed":
      "地址池 {pool} 有 {count} 个地址正在使用：{addresses}。请先删除其虚拟机，或更换这些地址。",
    "addresses.poolReserved":
      "地址池 {pool} 有 {count} 个保留的地址：{addresses}。请先设为空闲，或说明将其一并删除（withReserved）。",
    "addresses.poolFull": "地址池 {pool} 还有 {free} 个空闲地址，需要 {asked} 个。请扩大地址池，或另选一个。",
    "addresses.outsidePool": "地址池 {pool} 的范围是 {first} 到 {last}，请选择其间的地址。",
    "addresses.tooMany": "一次最多保留 {most} 个地址。",
    "addresses.inUse": "{address} 正被虚拟机使用。请先删除虚拟机，或另选地址。",
    "addresses.noSuchAddress": "{address} 在此地址池中既未保留也未静置。",
    "addresses.changing": "地址池同时被他人修改，请查看后重试。",
    "addresses.wrongFamily": "地址池 {pool} 属于另一协议，请在另一栏中选择。",
    "addresses.twoBridges":
      "地址池 {one} 与 {other} 在不同的网桥上，而虚拟机只有一个网卡。请选择同一网桥的两个。",
    "addresses.noBridge": "节点 {node} 没有网桥 {bridge}。请在该节点创建，或另选节点或地址池。",
    "addresses.lacks.driver":
      "节点 {node} 无法防地址欺骗：其 libvirt 没有网络过滤器。请在该节点安装 libvirt 的 nwfilter 驱动并重启 libvirtd，或另选节点，或在地址池中关闭防地址欺骗。",
    "addresses.lacks.ebtables":
      "节点 {node} 无法防地址欺骗：没有 ebtables。请在该节点安装，或另选节点，或在地址池中关闭防地址欺骗。",
    "addresses.busy": "同时向此地址池请求地址的过多，请重试。",
  },
});
