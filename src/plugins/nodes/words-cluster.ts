/** The texts of nodes in a cluster: joining, leaving, renaming, maintenance. */
export const clusterTexts = {
  en: {
    "nodes.join.title": "Add a node",
    "nodes.join.sub": "A machine joins with a one-time token. Later starts need none.",
    "nodes.join.alone":
      "This program runs everything on one machine. For more machines: set up MySQL and Redis, move this store there with jimv store copy, and run jimv controller and jimv node. See docs/operate/cluster.md.",
    "nodes.join.explain":
      "JimV and libvirt must be installed on the machine, and it must reach this address and Redis. Its hostname becomes the node's name, which must be free.",
    "nodes.join.make": "Make a token",
    "nodes.join.made": "The token is made.",
    "nodes.join.once": "It is shown only now, and good for one machine.",
    "nodes.join.until": "Good until",
    "nodes.join.run": "Run this on the machine, as root:",
    "nodes.join.paste": "Then paste the token, and end it with Enter and Ctrl D:",
    "nodes.join.back": "Back to the nodes",
    "nodes.road.noAccess":
      "Redis is older than 6 and has no users: all nodes share one password, so one that is broken into could speak for the others. Upgrade Redis to 7.",
    "nodes.road.keysOnly":
      "Redis is older than 7: a node that is broken into could also write its own commands and read its own reports, but not those of others. Upgrade Redis to 7 to close this, too.",
    "nodes.road.open":
      "Redis lets anybody in without a password, who could then command every node. Set requirepass (or switch the user default off) in redis.conf, and the password in jimv.toml.",
    "nodes.road.notKept":
      "Redis keeps nothing over a restart. Nothing is lost by that, but everything open is sent again then. Set appendonly yes in redis.conf.",
    "nodes.road.evicts":
      "When its memory is full this Redis drops what it was given, commands and reports among it. Set maxmemory-policy noeviction in redis.conf.",
    "nodes.join.wrongToken":
      "The token is not one of this cluster, or it is long over. Make a new one on the page of nodes.",
    "nodes.join.oldToken": "The token has ended: it is good for a day. Make a new one on the page of nodes.",
    "nodes.join.usedToken":
      "The token was used by node {node} already: each is good for one machine. Make a new one on the page of nodes.",
    "nodes.join.badKey":
      "The machine's key can't be read. Install the same JimV as on the controller, then try again.",
    "nodes.join.roadAway":
      "Redis can't be reached from the controller just now. The token stays good for this machine: try again in a moment.",
    "nodes.address.taken":
      "The address {address} is another node's. Give this one its own: management.address in jimv.toml, or on its page.",
    "nodes.address.title": "Management address of {node}",
    "nodes.address.hint":
      "Other nodes send guests there, and the controller reaches screens there. It must be this node's alone. Empty: only this machine itself.",
    "nodes.address.interfaces": "Addresses of the machine: {list}",
    "nodes.address.save": "Save",
    "nodes.address.change": "Change address…",
    "nodes.remove.action": "Remove…",
    "nodes.remove.title": "Remove node {node}",
    "nodes.remove.confirm": "Remove {node}",
    "nodes.remove.explain":
      "The node can't join again without a new token. Nothing on the machine itself is touched. Choose for each guest and disk what becomes of its entry here:",
    "nodes.remove.tasks": "{n} open tasks of this node end as failed.",
    "nodes.remove.taskEnded": "Node {node} was removed before the task ended.",
    "nodes.remove.nothing": "No guest and no disk is booked on it.",
    "nodes.remove.guest": "Guest {name}",
    "nodes.remove.disk": "Disk {name}",
    "nodes.remove.fate.keep": "Keep for its return (shown as unknown until then)",
    "nodes.remove.fate.forget": "Take off the books, with its disks",
    "nodes.remove.alive": "Node {node} is not offline. Stop JimV there first, or shut the machine down.",
    "nodes.remove.changed":
      "What hangs on node {node} has changed meanwhile, or it came back. Look at the list again, and choose anew.",
    "nodes.awaited.notice":
      "Node {node} was removed. Guests or disks of it were kept and wait for its return: let the machine join again under this name.",
    "nodes.awaited.action": "Decide anew…",
    "nodes.awaited.title": "What waits for node {node}",
    "nodes.awaited.explain":
      "Nothing on the machine itself is touched. Choose for each guest and disk what becomes of its entry here:",
    "nodes.awaited.confirm": "Settle them so",
    "nodes.takeOver.notice": "This machine was known as {from} before.",
    "nodes.takeOver.action": "Take over everything of {from}",
    "nodes.takeOver.other":
      "{from} can't be taken over by {to}: it must be offline, and the same machine by its machine-id.",
    "nodes.takeOver.clash":
      "{to} has something already that {from} has, too (table {table}). Remove it from {to} first.",
    "nodes.maintenance.on":
      "Maintenance: it takes no guests, neither new ones nor any that would migrate here.",
    "nodes.maintenance.begin": "Begin maintenance",
    "nodes.maintenance.end": "End maintenance",
  },
  "zh-CN": {
    "nodes.join.title": "添加节点",
    "nodes.join.sub": "机器凭一次性令牌加入，之后启动不再需要令牌。",
    "nodes.join.alone":
      "当前程序在一台机器上运行全部功能。要使用多台机器：部署 MySQL 和 Redis，用 jimv store copy 迁移数据，然后运行 jimv controller 和 jimv node。见 docs/operate/cluster.md。",
    "nodes.join.explain":
      "该机器上须已安装 JimV 和 libvirt，并能访问本地址和 Redis。它的主机名将成为节点名称，且不能与已有节点重复。",
    "nodes.join.make": "生成令牌",
    "nodes.join.made": "令牌已生成。",
    "nodes.join.once": "令牌仅显示这一次，只能用于一台机器。",
    "nodes.join.until": "有效期至",
    "nodes.join.run": "在该机器上以 root 运行：",
    "nodes.join.paste": "然后粘贴令牌，按回车和 Ctrl D 结束：",
    "nodes.join.back": "返回节点列表",
    "nodes.road.noAccess":
      "Redis 低于 6，没有用户功能：所有节点共用一个密码，被攻破的节点可以冒充其他节点。请将 Redis 升级到 7。",
    "nodes.road.keysOnly":
      "Redis 低于 7：被攻破的节点还能写自己的命令、读自己的报告，但碰不到其他节点的。升级到 Redis 7 可消除这一点。",
    "nodes.road.open":
      "任何人无需密码即可连接 Redis，进而控制所有节点。请在 redis.conf 中设置 requirepass（或关闭 default 用户），并在 jimv.toml 中填写密码。",
    "nodes.road.notKept":
      "Redis 重启后不保留数据。不会因此丢失内容，但未完成的任务会全部重新发送。请在 redis.conf 中设置 appendonly yes。",
    "nodes.road.evicts":
      "内存用满时，该 Redis 会丢弃已接收的命令和报告。请在 redis.conf 中设置 maxmemory-policy noeviction。",
    "nodes.join.wrongToken": "该令牌不属于本集群，或早已失效。请在节点页面重新生成。",
    "nodes.join.oldToken": "令牌已过期（有效期一天）。请在节点页面重新生成。",
    "nodes.join.usedToken": "令牌已被节点 {node} 使用，每个令牌只能用于一台机器。请在节点页面重新生成。",
    "nodes.join.badKey": "无法读取该机器的密钥。请安装与控制器相同版本的 JimV 后重试。",
    "nodes.join.roadAway": "控制器暂时无法连接 Redis。令牌对这台机器仍然有效，请稍后重试。",
    "nodes.address.taken":
      "地址 {address} 已属于其他节点。请为此节点指定自己的地址：jimv.toml 的 management.address，或在节点页面修改。",
    "nodes.address.title": "{node} 的管理地址",
    "nodes.address.hint":
      "其他节点向该地址迁移虚拟机，控制器经由它连接屏幕。必须为此节点独有。留空：仅本机可达。",
    "nodes.address.interfaces": "该机器的地址：{list}",
    "nodes.address.save": "保存",
    "nodes.address.change": "修改地址…",
    "nodes.remove.action": "移除…",
    "nodes.remove.title": "移除节点 {node}",
    "nodes.remove.confirm": "移除 {node}",
    "nodes.remove.explain":
      "移除后该节点需要新令牌才能重新加入。机器本身不受影响。请为每台虚拟机和每块磁盘选择其记录的去留：",
    "nodes.remove.tasks": "该节点有 {n} 个未完成的任务，将以失败结束。",
    "nodes.remove.taskEnded": "任务完成之前节点 {node} 已被移除。",
    "nodes.remove.nothing": "没有虚拟机和磁盘登记在该节点上。",
    "nodes.remove.guest": "虚拟机 {name}",
    "nodes.remove.disk": "磁盘 {name}",
    "nodes.remove.fate.keep": "保留，等待节点恢复（期间显示为未知）",
    "nodes.remove.fate.forget": "连同磁盘从登记中删除",
    "nodes.remove.alive": "节点 {node} 并未离线。请先停止其上的 JimV，或关闭该机器。",
    "nodes.remove.changed": "节点 {node} 上的内容已变化，或节点已恢复。请重新查看列表并选择。",
    "nodes.awaited.notice":
      "节点 {node} 已被移除，其保留的虚拟机或磁盘在等待它恢复：请让该机器以此名称重新加入。",
    "nodes.awaited.action": "重新决定…",
    "nodes.awaited.title": "等待节点 {node} 的内容",
    "nodes.awaited.explain": "机器本身不受影响。请为每台虚拟机和每块磁盘选择其记录的去留：",
    "nodes.awaited.confirm": "按此处理",
    "nodes.takeOver.notice": "这台机器以前的名称是 {from}。",
    "nodes.takeOver.action": "接管 {from} 的全部内容",
    "nodes.takeOver.other": "{to} 不能接管 {from}：后者须已离线，且两者的 machine-id 相同。",
    "nodes.takeOver.clash": "{to} 已有与 {from} 相同的内容（表 {table}）。请先将其从 {to} 移除。",
    "nodes.maintenance.on": "维护中：不接收虚拟机，包括新建的和迁移来的。",
    "nodes.maintenance.begin": "开始维护",
    "nodes.maintenance.end": "结束维护",
  },
} as const;
