import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// The keyboard of a machine that runs, pressed over QEMU's control socket.
final class MachineKeyboard {
    /// Keys, by QEMU's names.
    enum Key: String {
        case space = "spc"
        case escape = "esc"
        case down
        case enter = "ret"
    }

    private let line: Descriptor

    /// - Throws: `SystemError`.
    init(_ socket: FilePath) throws {
        line = try Descriptor.connected(to: socket)
        try say(#"{"execute": "qmp_capabilities"}"#)
    }

    /// Presses a key and lets go of it.
    ///
    /// - Throws: `SystemError`, as when the machine has ended.
    func press(_ key: Key) throws {
        let name = #"{"type": "qcode", "data": "\#(key.rawValue)"}"#
        try say(#"{"execute": "send-key", "arguments": {"keys": [\#(name)], "hold-time": 20}}"#)
    }

    private func say(_ command: String) throws {
        let bytes = Array("\(command)\n".utf8)
        try retrying("press a key over", line.path) {
            send(line.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        // Answers that nobody took would hold QEMU up in the end.
        var answers = [UInt8](repeating: 0, count: 1 << 12)
        while recv(line.raw, &answers, answers.count, Int32(MSG_DONTWAIT)) > 0 {}
    }
}

/// What an operator chooses in a boot loader's menu: the entry below the one that boots by itself.
struct MenuChoice {
    /// What brings up the menu, which is hidden.
    let opening: MachineKeyboard.Key
    /// The entry's, as the menu shows it.
    let title: String
}

extension Machine {
    /// Brings up the menu of the boot loader that is about to start, goes down once, and starts what stands there.
    ///
    /// The loader looks at keys for a moment that nobody announces: so the first one is pressed again and again from the
    /// beginning on. The firmware keeps some of them for the loader, and the menu passes over the rest.
    func choose(_ choice: MenuChoice) throws {
        let keyboard = try MachineKeyboard(keyboardSocket)
        let deadline = ContinuousClock.now + .seconds(Self.patience)
        while count(choice.title) == 0 {
            guard isRunning, count("Linux version") == 0, ContinuousClock.now < deadline else {
                throw failure("it showed no menu")
            }
            try keyboard.press(choice.opening)
            usleep(50_000)
        }
        waitForSilence()
        let before = count(choice.title)
        try keyboard.press(.down)
        // Drawn anew, as the line that is marked now.
        guard waitUntil(timeout: 60, { count(choice.title) > before }) else {
            throw failure("nothing moved in its menu")
        }
        waitForSilence()
        // The firmware loses a key now and then; once the entry starts, nobody looks at another.
        let isStarted = try (1...30).contains { _ in
            try keyboard.press(.enter)
            return waitUntil(timeout: 2) { count("Linux version") > 0 || !isRunning }
        }
        guard isStarted else { throw failure("what was chosen in its menu did not start") }
    }

    /// How often its console has said something.
    private func count(_ text: String) -> Int { ((try? console) ?? "").ranges(of: text).count }

    /// Waits until its console has said nothing for two seconds: a menu is there as a whole.
    private func waitForSilence() {
        var (length, since) = (0, ContinuousClock.now)
        _ = waitUntil(timeout: 60) {
            let present = ((try? console) ?? "").utf8.count
            if present != length { (length, since) = (present, ContinuousClock.now) }
            return ContinuousClock.now - since > .seconds(2)
        }
    }
}
