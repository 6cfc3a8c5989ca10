import PowerCuts
import SystemPackage
import TestSupport

/// What a machine that was started on the disk of a power cut says of itself, once all of it has started.
struct BootedState {
    /// The release that runs.
    let release: String
    /// Whether something waits for the next shutdown.
    let isStaged: Bool
    /// What is not as it has to be.
    private(set) var faults: [String] = []

    /// - Parameters:
    ///   - machine: started.
    ///   - waits: until all has started; until the boot partition is there otherwise.
    ///   - marks: files with their content, below the root: what the host's people have made.
    /// - Throws: `Machine.Failure` when it does not answer.
    init(_ machine: Machine, marks: [String: String], waits: Bool = true) throws {
        if waits {
            let state = try machine.waitUntilStarted()
            if state != "running" { faults.append("it is \(state)") }
        } else {
            try machine.run("systemctl start boot-efi.mount", timeout: Machine.patience)
        }
        release = try machine.release()
        let status = try machine.attempt("hostctl status")
        if status.status != 0 { faults.append("status ends with \(status.status): \(status.output)") }
        isStaged = try machine.attempt("test -e /sysroot/ostree/hostctl/staged.json").status == 0
        for (path, text) in marks {
            let found = try machine.attempt("cat /\(path)")
            if found.status != 0 || found.output != text { faults.append("/\(path) is \(found.output)") }
        }
    }

    /// What hostctl and Debian need of a processor: QEMU is a fifth faster with it than with all that it knows.
    private static let processor = "qemu64,+cx16,+fsgsbase,+rdrand,+rdtscp,+ssse3,+sse4.1,+sse4.2,+popcnt"

    /// A machine on a state's disk, which stays as it is.
    ///
    /// - Parameter overlay: takes what the machine writes; made here.
    static func machine(
        on disk: FilePath, overlay: FilePath, firmware: Machine.Firmware, origin: FilePath
    ) throws -> Machine {
        try Machine.need(
            run([
                "/usr/bin/qemu-img", "create", "-q", "-f", "qcow2", "-b", disk.string, "-F", "raw", overlay.string,
            ]))
        let machine = try Machine(overlay, firmware: firmware, origin: origin)
        machine.processor = processor
        return machine
    }
}
