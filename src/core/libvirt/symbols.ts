/**
 * Every C function of libvirt that JimV uses: one table, with libvirt's own declaration of each argument
 * beside the type it is passed as, and the libvirt version that brought it.
 *
 * Required symbols must all exist in libvirt 4.5 (CentOS 7); optional ones are looked up one by one, and
 * what needs them answers `unsupported` where they are missing. `symbols.test.ts` compares both lists with
 * the symbol versions of the real library.
 *
 * Pointers are numbers in JavaScript. A `ptr` argument also takes a Buffer (its address is passed).
 */

import { dlopen, type FFIFunction, type Pointer } from "bun:ffi";

/** What a value of C is in JavaScript, on the way in and on the way out. */
interface Passed {
  void: undefined;
  i32: number;
  u32: number;
  u64: number | bigint;
  i64: bigint;
  ptr: Pointer | Buffer | null;
}
interface Returned extends Omit<Passed, "ptr" | "u64" | "void"> {
  void: undefined;
  u64: bigint;
  ptr: Pointer | null;
}

type Argument = readonly [type: keyof Passed, declaration: string];

interface Declaration {
  /** The libvirt version that has it for the first time. */
  since: string;
  returns: Argument;
  args: readonly Argument[];
}

/** libvirt.so.0: all of these or nothing. */
export const required = {
  virInitialize: { since: "0.1.0", returns: ["i32", "int"], args: [] },
  virGetLastError: { since: "0.1.0", returns: ["ptr", "virErrorPtr"], args: [] },
  virResetLastError: { since: "0.1.0", returns: ["void", "void"], args: [] },
  virSetErrorFunc: {
    since: "0.1.0",
    returns: ["void", "void"],
    args: [
      ["ptr", "void *userData"],
      ["ptr", "virErrorFunc handler"],
    ],
  },

  virEventRegisterDefaultImpl: { since: "0.9.0", returns: ["i32", "int"], args: [] },
  virEventRunDefaultImpl: { since: "0.9.0", returns: ["i32", "int"], args: [] },
  virEventAddHandle: {
    since: "0.9.3",
    returns: ["i32", "int"],
    args: [
      ["i32", "int fd"],
      ["i32", "int events"],
      ["ptr", "virEventHandleCallback cb"],
      ["ptr", "void *opaque"],
      ["ptr", "virFreeCallback ff"],
    ],
  },

  virConnectOpen: { since: "0.0.3", returns: ["ptr", "virConnectPtr"], args: [["ptr", "const char *name"]] },
  virConnectRef: { since: "0.6.0", returns: ["i32", "int"], args: [["ptr", "virConnectPtr conn"]] },
  virConnectClose: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virConnectPtr conn"]] },
  virConnectIsAlive: { since: "0.9.8", returns: ["i32", "int"], args: [["ptr", "virConnectPtr conn"]] },
  virConnectSetKeepAlive: {
    since: "0.9.8",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["i32", "int interval"],
      ["u32", "unsigned int count"],
    ],
  },
  virConnectGetLibVersion: {
    since: "0.7.3",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "unsigned long *libVer"],
    ],
  },
  virConnectGetVersion: {
    since: "0.0.3",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "unsigned long *hvVer"],
    ],
  },
  virConnectGetHostname: {
    since: "0.3.0",
    returns: ["ptr", "char *"],
    args: [["ptr", "virConnectPtr conn"]],
  },
  virConnectGetDomainCapabilities: {
    since: "1.2.7",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *emulatorbin"],
      ["ptr", "const char *arch"],
      ["ptr", "const char *machine"],
      ["ptr", "const char *virttype"],
      ["u32", "unsigned int flags"],
    ],
  },
  virConnectDomainEventRegisterAny: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "virDomainPtr dom"],
      ["i32", "int eventID"],
      ["ptr", "virConnectDomainEventGenericCallback cb"],
      ["ptr", "void *opaque"],
      ["ptr", "virFreeCallback freecb"],
    ],
  },
  virConnectDomainEventDeregisterAny: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["i32", "int callbackID"],
    ],
  },
  virConnectGetAllDomainStats: {
    since: "1.2.8",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["u32", "unsigned int stats"],
      ["ptr", "virDomainStatsRecordPtr **retStats"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainStatsRecordListFree: {
    since: "1.2.8",
    returns: ["void", "void"],
    args: [["ptr", "virDomainStatsRecordPtr *stats"]],
  },
  virConnectListAllDomains: {
    since: "0.9.13",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "virDomainPtr **domains"],
      ["u32", "unsigned int flags"],
    ],
  },
  virConnectListAllNetworks: {
    since: "0.10.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "virNetworkPtr **nets"],
      ["u32", "unsigned int flags"],
    ],
  },
  virNodeGetInfo: {
    since: "0.1.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "virNodeInfoPtr info"],
    ],
  },

  virDomainLookupByUUIDString: {
    since: "0.1.1",
    returns: ["ptr", "virDomainPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *uuidstr"],
    ],
  },
  virDomainLookupByName: {
    since: "0.0.3",
    returns: ["ptr", "virDomainPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *name"],
    ],
  },
  virDomainFree: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainGetName: {
    since: "0.0.3",
    returns: ["ptr", "const char *"],
    args: [["ptr", "virDomainPtr domain"]],
  },
  virDomainGetUUID: {
    since: "0.0.5",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "unsigned char *uuid"],
    ],
  },
  virDomainGetUUIDString: {
    since: "0.1.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "char *buf"],
    ],
  },
  virDomainGetState: {
    since: "0.9.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "int *state"],
      ["ptr", "int *reason"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainIsPersistent: { since: "0.7.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr dom"]] },
  virDomainGetXMLDesc: {
    since: "0.0.3",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainDefineXML: {
    since: "0.1.1",
    returns: ["ptr", "virDomainPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xml"],
    ],
  },
  virDomainUndefineFlags: {
    since: "0.9.4",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainRename: {
    since: "1.2.19",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr dom"],
      ["ptr", "const char *new_name"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainCreate: { since: "0.1.1", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainShutdown: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainReboot: {
    since: "0.1.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainDestroy: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainReset: {
    since: "0.9.7",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainSuspend: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainResume: { since: "0.0.3", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainUpdateDeviceFlags: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "const char *xml"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainSetUserPassword: {
    since: "1.2.16",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr dom"],
      ["ptr", "const char *user"],
      ["ptr", "const char *password"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainInterfaceAddresses: {
    since: "1.2.14",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr dom"],
      ["ptr", "virDomainInterfacePtr **ifaces"],
      ["u32", "unsigned int source"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainInterfaceFree: {
    since: "1.2.14",
    returns: ["void", "void"],
    args: [["ptr", "virDomainInterfacePtr iface"]],
  },
  virDomainScreenshot: {
    since: "0.9.2",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "virStreamPtr stream"],
      ["u32", "unsigned int screen"],
      ["u32", "unsigned int flags"],
    ],
  },

  virDomainMigrateToURI3: {
    since: "1.1.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "const char *dconnuri"],
      ["ptr", "virTypedParameterPtr params"],
      ["u32", "unsigned int nparams"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainGetJobStats: {
    since: "1.0.3",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "int *type"],
      ["ptr", "virTypedParameterPtr *params"],
      ["ptr", "int *nparams"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainAbortJob: { since: "0.7.7", returns: ["i32", "int"], args: [["ptr", "virDomainPtr domain"]] },
  virDomainMigrateSetMaxSpeed: {
    since: "0.9.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u64", "unsigned long bandwidth"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainMigrateGetMaxDowntime: {
    since: "3.7.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "unsigned long long *downtime"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainMigrateSetMaxDowntime: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u64", "unsigned long long downtime"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainMigrateStartPostCopy: {
    since: "1.3.3",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainListGetStats: {
    since: "1.2.8",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr *doms"],
      ["u32", "unsigned int stats"],
      ["ptr", "virDomainStatsRecordPtr **retStats"],
      ["u32", "unsigned int flags"],
    ],
  },
  virTypedParamsAddInt: {
    since: "1.0.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virTypedParameterPtr *params"],
      ["ptr", "int *nparams"],
      ["ptr", "int *maxparams"],
      ["ptr", "const char *name"],
      ["i32", "int value"],
    ],
  },
  virTypedParamsAddULLong: {
    since: "1.0.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virTypedParameterPtr *params"],
      ["ptr", "int *nparams"],
      ["ptr", "int *maxparams"],
      ["ptr", "const char *name"],
      ["u64", "unsigned long long value"],
    ],
  },
  virTypedParamsAddString: {
    since: "1.0.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virTypedParameterPtr *params"],
      ["ptr", "int *nparams"],
      ["ptr", "int *maxparams"],
      ["ptr", "const char *name"],
      ["ptr", "const char *value"],
    ],
  },
  virTypedParamsFree: {
    since: "1.0.2",
    returns: ["void", "void"],
    args: [
      ["ptr", "virTypedParameterPtr params"],
      ["i32", "int nparams"],
    ],
  },
  virConnectCompareCPU: {
    since: "0.7.5",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xmlDesc"],
      ["u32", "unsigned int flags"],
    ],
  },

  virDomainSnapshotCreateXML: {
    since: "0.8.0",
    returns: ["ptr", "virDomainSnapshotPtr"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "const char *xmlDesc"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainListAllSnapshots: {
    since: "0.9.13",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "virDomainSnapshotPtr **snaps"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainSnapshotLookupByName: {
    since: "0.8.0",
    returns: ["ptr", "virDomainSnapshotPtr"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "const char *name"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainSnapshotGetName: {
    since: "0.9.5",
    returns: ["ptr", "const char *"],
    args: [["ptr", "virDomainSnapshotPtr snapshot"]],
  },
  virDomainSnapshotDelete: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainSnapshotPtr snapshot"],
      ["u32", "unsigned int flags"],
    ],
  },
  virDomainSnapshotFree: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [["ptr", "virDomainSnapshotPtr snapshot"]],
  },

  virStreamNew: {
    since: "0.7.2",
    returns: ["ptr", "virStreamPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStreamRecv: {
    since: "0.7.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStreamPtr st"],
      ["ptr", "char *data"],
      ["u64", "size_t nbytes"],
    ],
  },
  virStreamFinish: { since: "0.7.2", returns: ["i32", "int"], args: [["ptr", "virStreamPtr st"]] },
  virStreamAbort: { since: "0.7.2", returns: ["i32", "int"], args: [["ptr", "virStreamPtr st"]] },
  virStreamFree: { since: "0.7.2", returns: ["i32", "int"], args: [["ptr", "virStreamPtr st"]] },
  virStreamSend: {
    since: "0.7.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStreamPtr st"],
      ["ptr", "const char *data"],
      ["u64", "size_t nbytes"],
    ],
  },

  virStorageVolCreateXML: {
    since: "0.4.1",
    returns: ["ptr", "virStorageVolPtr"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["ptr", "const char *xmlDesc"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStorageVolUpload: {
    since: "0.9.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStorageVolPtr vol"],
      ["ptr", "virStreamPtr stream"],
      ["u64", "unsigned long long offset"],
      ["u64", "unsigned long long length"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStorageVolDelete: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStorageVolPtr vol"],
      ["u32", "unsigned int flags"],
    ],
  },

  virStoragePoolLookupByName: {
    since: "0.4.1",
    returns: ["ptr", "virStoragePoolPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *name"],
    ],
  },
  virStoragePoolDefineXML: {
    since: "0.4.1",
    returns: ["ptr", "virStoragePoolPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xml"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolBuild: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolCreate: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolUndefine: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [["ptr", "virStoragePoolPtr pool"]],
  },
  virStoragePoolIsActive: {
    since: "0.7.3",
    returns: ["i32", "int"],
    args: [["ptr", "virStoragePoolPtr pool"]],
  },
  virStoragePoolSetAutostart: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["i32", "int autostart"],
    ],
  },
  virStoragePoolRefresh: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolGetInfo: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["ptr", "virStoragePoolInfoPtr info"],
    ],
  },
  virStoragePoolGetXMLDesc: {
    since: "0.4.1",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolFree: { since: "0.4.1", returns: ["i32", "int"], args: [["ptr", "virStoragePoolPtr pool"]] },

  virConnectListAllStoragePools: {
    since: "0.10.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "virStoragePoolPtr **pools"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStoragePoolListAllVolumes: {
    since: "0.10.2",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["ptr", "virStorageVolPtr **vols"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStorageVolGetName: {
    since: "0.4.1",
    returns: ["ptr", "const char *"],
    args: [["ptr", "virStorageVolPtr vol"]],
  },
  virStoragePoolGetName: {
    since: "0.4.1",
    returns: ["ptr", "const char *"],
    args: [["ptr", "virStoragePoolPtr pool"]],
  },
  virStoragePoolDestroy: {
    since: "0.4.1",
    returns: ["i32", "int"],
    args: [["ptr", "virStoragePoolPtr pool"]],
  },
  virStoragePoolCreateXML: {
    since: "0.4.1",
    returns: ["ptr", "virStoragePoolPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xmlDesc"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStorageVolLookupByName: {
    since: "0.4.1",
    returns: ["ptr", "virStorageVolPtr"],
    args: [
      ["ptr", "virStoragePoolPtr pool"],
      ["ptr", "const char *name"],
    ],
  },
  virStorageVolLookupByPath: {
    since: "0.4.1",
    returns: ["ptr", "virStorageVolPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *path"],
    ],
  },
  virStorageVolDownload: {
    since: "0.9.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virStorageVolPtr vol"],
      ["ptr", "virStreamPtr stream"],
      ["u64", "unsigned long long offset"],
      ["u64", "unsigned long long length"],
      ["u32", "unsigned int flags"],
    ],
  },
  virStorageVolFree: { since: "0.4.1", returns: ["i32", "int"], args: [["ptr", "virStorageVolPtr vol"]] },

  virSecretDefineXML: {
    since: "0.7.1",
    returns: ["ptr", "virSecretPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xml"],
      ["u32", "unsigned int flags"],
    ],
  },
  virSecretSetValue: {
    since: "0.7.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virSecretPtr secret"],
      ["ptr", "const unsigned char *value"],
      ["u64", "size_t value_size"],
      ["u32", "unsigned int flags"],
    ],
  },
  virSecretGetValue: {
    since: "0.7.1",
    returns: ["ptr", "unsigned char *"],
    args: [
      ["ptr", "virSecretPtr secret"],
      ["ptr", "size_t *value_size"],
      ["u32", "unsigned int flags"],
    ],
  },
  virSecretLookupByUUIDString: {
    since: "0.7.1",
    returns: ["ptr", "virSecretPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *uuid"],
    ],
  },
  virSecretUndefine: { since: "0.7.1", returns: ["i32", "int"], args: [["ptr", "virSecretPtr secret"]] },
  virSecretFree: { since: "0.7.1", returns: ["i32", "int"], args: [["ptr", "virSecretPtr secret"]] },

  virNetworkLookupByName: {
    since: "0.2.0",
    returns: ["ptr", "virNetworkPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *name"],
    ],
  },
  virNetworkDefineXML: {
    since: "0.2.0",
    returns: ["ptr", "virNetworkPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xml"],
    ],
  },
  virNetworkCreate: { since: "0.2.0", returns: ["i32", "int"], args: [["ptr", "virNetworkPtr network"]] },
  virNetworkUndefine: { since: "0.2.0", returns: ["i32", "int"], args: [["ptr", "virNetworkPtr network"]] },
  virNetworkIsActive: { since: "0.7.3", returns: ["i32", "int"], args: [["ptr", "virNetworkPtr net"]] },
  virNetworkSetAutostart: {
    since: "0.2.1",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virNetworkPtr network"],
      ["i32", "int autostart"],
    ],
  },
  virNetworkGetXMLDesc: {
    since: "0.2.0",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virNetworkPtr network"],
      ["u32", "unsigned int flags"],
    ],
  },
  virNetworkFree: { since: "0.2.0", returns: ["i32", "int"], args: [["ptr", "virNetworkPtr network"]] },

  virConnectNumOfNWFilters: {
    since: "0.8.0",
    returns: ["i32", "int"],
    args: [["ptr", "virConnectPtr conn"]],
  },
  virNWFilterDefineXML: {
    since: "0.8.0",
    returns: ["ptr", "virNWFilterPtr"],
    args: [
      ["ptr", "virConnectPtr conn"],
      ["ptr", "const char *xmlDesc"],
    ],
  },
  virNWFilterFree: { since: "0.8.0", returns: ["i32", "int"], args: [["ptr", "virNWFilterPtr nwfilter"]] },
} as const satisfies Record<string, Declaration>;

/** libvirt.so.0, newer than 4.5: looked up one by one; without them what needs them is left out. */
export const optional = {
  virDomainStartDirtyRateCalc: {
    since: "7.2.0",
    returns: ["i32", "int"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["i32", "int seconds"],
      ["u32", "unsigned int flags"],
    ],
  },
} as const satisfies Record<string, Declaration>;

/** libvirt-qemu.so.0: looked up one by one; without them what needs them is `unsupported`. */
export const optionalQemu = {
  virDomainQemuAgentCommand: {
    since: "0.10.0",
    returns: ["ptr", "char *"],
    args: [
      ["ptr", "virDomainPtr domain"],
      ["ptr", "const char *cmd"],
      ["i32", "int timeout"],
      ["u32", "unsigned int flags"],
    ],
  },
} as const satisfies Record<string, Declaration>;

/** The few functions of the C library that libvirt's memory and our wake-up need. */
const libc = {
  free: { since: "0", returns: ["void", "void"], args: [["ptr", "void *ptr"]] },
  memcpy: {
    since: "0",
    returns: ["ptr", "void *"],
    args: [
      ["ptr", "void *dest"],
      ["ptr", "const void *src"],
      ["u64", "size_t n"],
    ],
  },
  eventfd: {
    since: "0",
    returns: ["i32", "int"],
    args: [
      ["u32", "unsigned int initval"],
      ["i32", "int flags"],
    ],
  },
  read: {
    since: "0",
    returns: ["i64", "ssize_t"],
    args: [
      ["i32", "int fd"],
      ["ptr", "void *buf"],
      ["u64", "size_t count"],
    ],
  },
} as const satisfies Record<string, Declaration>;

export const libraries = {
  libvirt: "libvirt.so.0",
  qemu: "libvirt-qemu.so.0",
  libc: "libc.so.6",
} as const;

type Arguments<Args extends readonly Argument[]> = { -readonly [I in keyof Args]: Passed[Args[I][0]] };
type Callable<T extends Record<string, Declaration>> = {
  [K in keyof T]: (...args: Arguments<T[K]["args"]>) => Returned[T[K]["returns"][0]];
};

function plain(table: Record<string, Declaration>): Record<string, FFIFunction> {
  return Object.fromEntries(
    Object.entries(table).map(([name, d]) => [
      name,
      { args: d.args.map(([type]) => type), returns: d.returns[0] },
    ]),
  );
}

function open<T extends Record<string, Declaration>>(file: string, table: T): Callable<T> {
  return dlopen(file, plain(table)).symbols as unknown as Callable<T>;
}

/** One by one: what this library lacks is simply not there. */
function openSome<T extends Record<string, Declaration>>(file: string, table: T): Partial<Callable<T>> {
  const found: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(table)) {
    try {
      found[name] = dlopen(file, plain({ [name]: declaration })).symbols[name];
    } catch {
      // An older library: its absence is the answer.
    }
  }
  return found as Partial<Callable<T>>;
}

/** All loaded functions, one flat object: `lib.virConnectOpen(...)`. */
export type Libvirt = Callable<typeof required> &
  Callable<typeof libc> &
  Partial<Callable<typeof optional>> &
  Partial<Callable<typeof optionalQemu>>;

/**
 * Loads libvirt into this thread's JavaScript and silences its printing to stderr.
 * @throws Error naming the library or symbol that is missing
 */
export function loadLibvirt(): Libvirt {
  const c = open(libraries.libc, libc);
  const lib: Libvirt = {
    ...c,
    ...open(libraries.libvirt, required),
    ...openSome(libraries.libvirt, optional),
    ...openSome(libraries.qemu, optionalQemu),
  };
  // Without an error function libvirt prints every error to stderr. It is called as handler(userData, error)
  // from any thread, so it must be C: free(NULL) does nothing, by the C standard.
  const nothing = (c.free as unknown as { ptr: Pointer }).ptr;
  lib.virSetErrorFunc(null, nothing);
  return lib;
}
