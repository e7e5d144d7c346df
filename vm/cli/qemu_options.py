"""The options of QEMU that `trapline boot` and `virt` know, by name without the dash, and what each is here.

`vm.cli.qemu_words` translates a command line by these tables; `trapline docs qemu` has them for people.
"""

RENAMED = {
    "kernel": 1, "bios": 1, "append": 1, "initrd": 1, "dtb": 1, "drive": 1, "smp": 1, "no-reboot": 0, "semihosting": 0,
}  # fmt: skip
"""Options that mean here what they mean on QEMU, and whether a value follows."""

SAME = {"s": 0, "S": 0}
"""Options that are ours letter for letter, and whether a value follows."""

AS_HERE = {"nographic": 0, "snapshot": 0, "nodefaults": 0, "no-user-config": 0}
"""Options that ask for what is so anyway: nothing is said of them."""

IGNORED = {
    "name": (1, "nothing shows it"),
    "uuid": (1, "nothing shows it"),
    "netdev": (1, "there is no network"),
    "chardev": (1, "the console is here"),
    "mon": (1, "there is no monitor"),
    "qmp": (1, "there is no monitor"),
    "qmp-pretty": (1, "there is no monitor"),
    "icount": (1, "time is counted in instructions anyway; see --clock"),
    "rtc": (1, "there is no real-time clock"),
    "k": (1, "there is no keyboard"),
    "echr": (1, "the key is Ctrl-A"),
    "vga": (1, "there is no screen"),
    "vnc": (1, "there is no screen"),
    "spice": (1, "there is no screen"),
    "full-screen": (0, "there is no screen"),
    "portrait": (0, "there is no screen"),
    "rotate": (1, "there is no screen"),
    "audio": (1, "there is no sound"),
    "audiodev": (1, "there is no sound"),
    "audio-help": (0, "there is no sound"),
    "usb": (0, "there is no USB"),
    "usbdevice": (1, "there is no USB"),
    "parallel": (1, "there is no parallel port"),
    "debugcon": (1, "there is no debug console"),
    "tpmdev": (1, "there is no TPM"),
    "fw_cfg": (1, "there is no fw_cfg"),
    "option-rom": (1, "there is no option ROM"),
    "fsdev": (1, "no files are shared"),
    "virtfs": (1, "no files are shared"),
    "boot": (1, "the kernel is booted"),
    "L": (1, "--bios takes a path"),
    "numa": (1, "all memory is the same"),
    "mem-path": (1, "RAM is the host's memory"),
    "mem-prealloc": (0, "RAM is the host's memory"),
    "overcommit": (1, "RAM is the host's memory"),
    "enable-kvm": (0, "the engine is Trapline's own"),
    "singlestep": (0, "the engine is Trapline's own"),
    "plugin": (1, "the engine is Trapline's own"),
    "enable-sync-profile": (0, "the engine is Trapline's own"),
    "trace": (1, "--trace and --exit-log write what happens here"),
    "dfilter": (1, "--trace and --exit-log write what happens here"),
    "msg": (1, "messages are as they are"),
    "compat": (1, "nothing here is deprecated"),
    "seed": (1, "nothing is random"),
    "watchdog-action": (1, "there is no watchdog"),
    "no-shutdown": (0, "the command ends with the machine"),
    "async-teardown": (0, "the command ends with the machine"),
    "daemonize": (0, "the command stays at this terminal"),
    "preconfig": (0, "there is no monitor"),
    "pidfile": (1, "the shell knows the process"),
    "sandbox": (1, "the guest reaches no file but its drives"),
    "chroot": (1, "the guest reaches no file but its drives"),
    "runas": (1, "the guest reaches no file but its drives"),
    "add-fd": (1, "files are named by path"),
    "only-migratable": (0, "nothing migrates"),
}
"""Options without a meaning here: whether a value follows, and why nothing is done."""

_DISK = "write --drive file=PATH instead"
_STATE = "a machine begins at power-on here"
REFUSED = {
    "hda": (1, _DISK), "hdb": (1, _DISK), "hdc": (1, _DISK), "hdd": (1, _DISK), "blockdev": (1, _DISK),
    "cdrom": (1, _DISK), "fda": (1, _DISK), "fdb": (1, _DISK), "sd": (1, _DISK), "iscsi": (1, _DISK),
    "mtdblock": (1, "the board has no flash: write --bios FILE, or --drive file=PATH"),
    "pflash": (1, "the board has no flash: write --bios FILE, or --drive file=PATH"),
    "loadvm": (1, _STATE), "incoming": (1, _STATE), "dump-vmstate": (1, _STATE),
    "readconfig": (1, "write the options on the command line"),
    "set": (1, "write the property where the device is made"),
    "version": (0, "write trapline --version"),
}  # fmt: skip
"""Options whose absence would change what the guest does: whether a value follows, and what to write instead."""

TRANSLATED = {
    "machine": 1, "M": 1, "cpu": 1, "m": 1, "accel": 1, "device": 1, "object": 1, "global": 1, "net": 1, "nic": 1,
    "serial": 1, "monitor": 1, "display": 1, "action": 1, "semihosting-config": 1, "gdb": 1, "d": 1,
    "D": 1, "help": 0,
}  # fmt: skip
"""Options whose meaning depends on their value or that have another name here, and whether a value follows."""

VALUES = {
    **RENAMED, **SAME, **AS_HERE, **{name: values for name, (values, _) in (IGNORED | REFUSED).items()}, **TRANSLATED
}  # fmt: skip
"""All of them, and the number of values that follow."""

LOG_ITEMS = {"in_asm": "exec"}
"""Items of `-d` that have another name here."""
_HOST_CODE = "the engine's own code is not shown"
LOG_IGNORED = {
    "out_asm": _HOST_CODE, "op": _HOST_CODE, "op_opt": _HOST_CODE, "op_ind": _HOST_CODE, "plugin": _HOST_CODE,
    "nochain": "exec has every instruction anyway",
    "cpu": "--trace FILE has the registers that change", "fpu": "there is no F extension",
    "cpu_reset": "a reset has the values of the specification", "pcall": "it is for x86",
    "unimp": "what is not there traps, and int shows it", "guest_errors": "a guest's mistakes trap, and int shows it",
    "page": "it is for programs", "strace": "it is for programs", "tid": "there is one log",
}  # fmt: skip
"""Items of `-d` without a meaning here, and why nothing is done; `trace:` begins others."""

GDB_PORT = "1234"
"""Where `-s` lets gdb connect."""

MACHINE = "virt"
OTHER_MACHINES = ("none", "opentitan", "sifive_e", "sifive_u", "spike")
MACHINE_FILES = {"kernel": "--kernel", "initrd": "--initrd", "append": "--append", "dtb": "--dtb",
                 "firmware": "--bios", "dumpdtb": "--dump-dtb"}  # fmt: skip
"""Properties of `-machine` that are options of their own here."""
MACHINE_DEFAULTS = {"aclint": "off", "aia": "none", "accel": "tcg", "usb": "off", "graphics": "off"}
"""Properties of `-machine` with the only value that they have here; others that QEMU knows follow."""
MACHINE_IGNORED = (
    "aia-guests", "boot", "confidential-guest-support", "dt-compatible", "dump-guest-core", "memory", "memory-backend",
    "memory-encryption", "mem-merge", "phandle-start", "smp", "suppress-vmdesc",
)  # fmt: skip

CPUS = ("rv32", "any", "lowrisc-ibex", "sifive-e31", "sifive-e34", "sifive-u34")
CPU_HAS = ("i", "m", "a", "s", "u", "zicsr", "zifencei", "mmu", "pmp", "counters")
"""Properties of `-cpu` that are on here; the others are off."""

NETWORK_DEVICES = ("virtio-net", "e1000", "rtl8139", "ne2k", "pcnet", "usb-net")
"""Beginnings of names of devices on a network."""
OTHER_DEVICES = (
    "virtio-gpu", "virtio-vga", "virtio-keyboard", "virtio-mouse", "virtio-tablet", "virtio-input", "virtio-balloon",
    "virtio-9p", "virtio-sound", "virtio-crypto", "virtio-mem", "virtio-pmem", "virtio-iommu", "vhost-", "virtconsole",
    "virtserialport", "usb-", "VGA", "bochs-display", "ramfb",
)  # fmt: skip
"""Beginnings of names of other devices that this board cannot have."""
