import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// A virtual machine on a disk of its own, which shares what it does not change with a base disk.
///
/// The base disk's kernel is told to do without cmpxchg16b (`clearcpuid=cx16`): QEMU 7.2 does it so that Linux 6.12
/// panics. hostctl needs the instruction, which every processor has.
///
/// There is no KVM where the tests run, so that a boot takes a minute; everything is bounded. A restart ends the process
/// and starts it anew, because that is faster than a warm one. It ends with the value's life.
final class Machine {
    /// What starts the machine.
    enum Firmware: Sendable { case bios, uefi }

    private let folder: TemporaryFolder
    private let firmware: Firmware
    private let server: StaticServer?
    /// A raw disk of its own and the file that its writes are recorded in.
    private let recording: (disk: FilePath, log: FilePath)?
    private var process: ChildProcess?
    private var agent: MachineAgent?
    private var starts = 0

    /// What its clock says when it is started; the present time by default.
    var clock: String?
    /// Its processor, as QEMU takes it.
    var processor = "max"
    /// Devices that not every machine has, as QEMU takes them: `i6300esb`.
    var devices: [String] = []
    /// What lives as long as the machine: the folder that it reaches goes with the last one who holds it.
    var keeping: AnyObject?

    /// The machine's disk.
    var disk: FilePath { folder.path.appending("disk.qcow2") }
    /// What the machine has printed on its serial console since it was last started.
    var console: String { get throws { try text("console-\(starts).log") } }

    /// Where keys are pressed, since it was last started.
    var keyboardSocket: FilePath { folder.path.appending("keyboard-\(starts)") }

    /// Seconds until a machine must have come up or gone down.
    static let patience: Double = 420

    /// - Parameters:
    ///   - base: a disk that stays as it is.
    ///   - origin: a folder that the machine reaches as `http://10.0.2.100`.
    init(_ base: FilePath, firmware: Firmware, origin: FilePath? = nil) throws {
        folder = try TemporaryFolder()
        self.firmware = firmware
        recording = nil
        server = try origin.map { try StaticServer(.nginx, serving: $0) }
        try Self.need(
            TestSupport.run([
                "/usr/bin/qemu-img", "create", "-q", "-f", "qcow2", "-b", base.string, "-F", "qcow2", disk.string,
            ]))
        if firmware == .uefi { try makeVariables() }
    }

    /// A machine whose every write and flush is recorded.
    ///
    /// - Parameters:
    ///   - disk: raw; the machine changes it.
    ///   - log: what `WriteLog` reads, made here.
    init(recording disk: FilePath, in log: FilePath, firmware: Firmware, origin: FilePath? = nil) throws {
        folder = try TemporaryFolder()
        self.firmware = firmware
        recording = (disk, log)
        server = try origin.map { try StaticServer(.nginx, serving: $0) }
        try Files.replace(log, with: [])
        if firmware == .uefi { try makeVariables() }
    }

    /// The bytes of the record so far.
    var recordedSize: Int {
        get throws { try recording.map { Int(try Descriptor(opening: $0.log.string).status().st_size) } ?? 0 }
    }

    private func makeVariables() throws {
        let target = folder.path.appending("vars.fd").string
        try Self.need(TestSupport.run(["/bin/cp", "/usr/share/OVMF/OVMF_VARS_4M.fd", target]))
    }

    /// A machine failed; with the end of its console.
    struct Failure: Error, CustomStringConvertible { let description: String }

    static func need(_ result: ProcessResult) throws {
        if result.status != 0 { throw Failure(description: result.text + result.errorText) }
    }

    // MARK: power

    /// Starts it and waits until it takes commands.
    ///
    /// Without KVM a kernel now and then resets the machine before its first line; as any machine it starts again then.
    /// - Parameter choice: made in the boot loader's menu; nobody touches a key by default.
    func boot(timeout: Double = Machine.patience, choosing choice: MenuChoice? = nil) throws {
        for attempt in 1...3 {
            try start()
            guard let agent else { throw failure("it is off") }
            if let choice { try choose(choice) }
            if agent.waitForGreeting(timeout: timeout, while: { isRunning }) { return }
            if isRunning || !isSilent { break }
            print("the machine reset itself before the kernel's first line, attempt \(attempt)")
        }
        throw failure("it did not come up")
    }

    /// Whether nobody but the firmware has said anything.
    private var isSilent: Bool { ((try? console) ?? "").contains("Linux version") == false }

    /// Starts it without waiting for anything.
    func start() throws {
        starts += 1
        let socket = folder.path.appending("agent-\(starts)")
        process = try ChildProcess(command(socket))
        // The socket has its name before it takes anybody, and a busy machine takes its time between the two.
        var refusal: (any Error)?
        let isReached = waitUntil(timeout: 60) {
            do { agent = try MachineAgent(socket) } catch { refusal = error }
            return agent != nil || !isRunning
        }
        guard isReached, agent != nil else {
            throw failure("QEMU did not start: \(refusal.map { "\($0)" } ?? "nothing more is known")")
        }
    }

    /// Whether it still runs.
    var isRunning: Bool { process?.isRunning ?? false }

    /// Waits until it has ended by itself: it was switched off, or it restarted.
    func waitForEnd(timeout: Double = Machine.patience) throws {
        guard waitUntil(timeout: timeout, { !isRunning }) else { throw failure("it did not end") }
        stop()
    }

    /// Waits until its console has said something.
    func waitForConsole(_ text: String, timeout: Double = Machine.patience) throws {
        let said = { ((try? self.console) ?? "").contains(text) }  // Not there yet, or half a character.
        guard waitUntil(timeout: timeout, { said() || !isRunning }), said() else {
            throw failure("it did not say '\(text)'")
        }
    }

    /// Restarts as an operator would, and waits until it takes commands.
    func restart(choosing choice: MenuChoice? = nil) throws {
        try shutDown()
        try boot(choosing: choice)
    }

    /// Shuts it down as for a restart, and waits until it has ended.
    func shutDown() throws {
        try agent?.send("systemctl reboot")
        try waitForEnd()
    }

    /// Shuts it down as an operator would, and waits until it is off.
    func switchOff() throws {
        try agent?.send("systemctl poweroff")
        try waitForEnd()
    }

    /// Cuts the power.
    func stop() {
        agent = nil
        process = nil
    }

    // MARK: commands

    /// Runs a shell script as root and gives what it printed.
    ///
    /// - Throws: `Failure` when it ends with another status than 0, or not at all.
    @discardableResult
    func run(_ script: String, timeout: Double = 180) throws -> String {
        let answer = try attempt(script, timeout: timeout)
        guard answer.status == 0 else { throw failure("'\(script)' ended with \(answer.status): \(answer.output)") }
        return answer.output
    }

    /// Sends a shell script whose end the machine does not see.
    func send(_ script: String) throws { try agent?.send(script) }

    /// Runs a shell script, which may fail.
    func attempt(_ script: String, timeout: Double = 180) throws -> (status: Int, output: String) {
        guard let agent else { throw failure("it is off") }
        guard let answer = try agent.run(script, timeout: timeout) else { throw failure("'\(script)' did not end") }
        return answer
    }

    /// Waits until systemd has started everything: `running`, or `degraded` with the failed units.
    func waitUntilStarted() throws -> String {
        let state = try attempt("systemctl is-system-running --wait", timeout: Self.patience).output
        let failed = state.hasPrefix("running") ? "" : try attempt("systemctl --failed --no-legend --plain").output
        return (state + failed).split(separator: "\n").joined(separator: ", ")
    }

    // MARK: QEMU

    private func command(_ socket: FilePath) -> [String] {
        var words = [
            "/usr/bin/qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", processor,
            // One processor: with two, QEMU's threads and cmpxchg16b do not go together.
            "-smp", "1", "-m", "1024", "-no-reboot", "-display", "none", "-monitor", "none",
            // Before the agent's, so that it is there when that is.
            "-qmp", "unix:\(keyboardSocket),server=on,wait=off",
            "-serial", "file:\(folder.path)/console-\(starts).log",
            "-netdev", network, "-device", "virtio-net-pci,netdev=network,romfile=",
            "-device", "virtio-serial", "-chardev", "socket,id=agent,path=\(socket),server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=agent",
        ]
        words += drive
        // UEFI does without a screen, where the kernel would draw each line pixel by pixel; GRUB does not by a BIOS.
        words += ["-nodefaults", "-vga", firmware == .uefi ? "none" : "std"]
        if let clock { words += ["-rtc", "base=\(clock)"] }
        for device in devices { words += ["-device", device] }
        if firmware == .uefi {
            words += [
                "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                "-drive", "if=pflash,format=raw,file=\(folder.path)/vars.fd",
            ]
        }
        return words
    }

    private var drive: [String] {
        guard let recording else {
            // The machine's own flushes cost nothing: its disk goes when the test ends.
            return ["-drive", "if=virtio,format=qcow2,cache=unsafe,file=\(disk)"]
        }
        return [
            "-blockdev", "driver=file,filename=\(recording.disk),node-name=disk,cache.no-flush=on",
            "-blockdev", "driver=file,filename=\(recording.log),node-name=log,cache.no-flush=on",
            "-blockdev",
            "driver=blklogwrites,file=disk,log=log,log-append=\(starts > 1 ? "on" : "off"),node-name=recorder",
            // The recorder adds a part to each request: one merged of as many as the kernel takes would fail.
            "-device", "virtio-blk-pci,drive=recorder,request-merging=off",
        ]
    }

    /// Nothing but the origin can be reached.
    private var network: String {
        guard let port = server?.url.split(separator: ":").last else { return "user,id=network,restrict=on" }
        return "user,id=network,restrict=on,guestfwd=tcp:10.0.2.100:80-cmd:/bin/busybox nc 127.0.0.1 \(port)"
    }

    private func text(_ name: String) throws -> String {
        let bytes = try Files.readIfPresent(folder.path.appending(name), limit: 64 << 20) ?? []
        return String(decoding: bytes, as: UTF8.self)
    }

    func failure(_ what: String) -> Failure {
        let errors = (try? process?.errorsSoFar()) ?? ""  // A message more is all that it is for.
        let end = ((try? console) ?? "").split(whereSeparator: \.isNewline).suffix(40).joined(separator: "\n")
        return Failure(description: "\(what)\n\(errors)\n\(end)")
    }
}
