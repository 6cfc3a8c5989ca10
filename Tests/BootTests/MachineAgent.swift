import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// Runs commands in a machine over a serial line: a line of base64 each way.
final class MachineAgent {
    private let line: Descriptor
    private var received: [UInt8] = []

    /// The machine's side: a unit of the test image. As anybody who logs in it comes after what hostctl does early in a boot.
    static let unit = """
        [Unit]
        Description=Runs what the tests ask for
        DefaultDependencies=no
        After=local-fs.target systemd-tmpfiles-setup.service
        After=hostctl-boot-record.service hostctl-finalize.service
        Conflicts=shutdown.target
        Before=shutdown.target

        [Service]
        ExecStart=/usr/lib/boot-tests/agent
        Restart=always
        TimeoutStopSec=2

        [Install]
        WantedBy=basic.target

        """

    static let program = """
        #!/bin/sh
        while [ ! -e /dev/virtio-ports/agent ]; do sleep 0.2; done
        exec 3<>/dev/virtio-ports/agent
        echo ready >&3
        while read -r line <&3; do
            echo "$line" | base64 -d >/run/agent.sh
            sh /run/agent.sh >/run/agent.out 2>&1 </dev/null 3>&-
            status=$?
            echo "$status $(base64 -w 0 </run/agent.out)" >&3
        done

        """

    /// - Throws: `SystemError`.
    init(_ socket: FilePath) throws {
        line = try Descriptor.connected(to: socket)
    }

    /// - Parameter isRunning: whether it may still come.
    func waitForGreeting(timeout: Double, while isRunning: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(timeout)
        while ContinuousClock.now < deadline {
            let isLast = !isRunning()
            if nextLine(timeout: 1) == "ready" { return true }
            if isLast { return false }
        }
        return false
    }

    /// Sends a script and does not wait for its end.
    func send(_ script: String) throws { try line.write(Array((Self.base64(script) + "\n").utf8)) }

    /// - Returns: `nil` when it did not end in time.
    func run(_ script: String, timeout: Double) throws -> (status: Int, output: String)? {
        try send(script)
        guard let answer = nextLine(timeout: timeout) else { return nil }
        let words = answer.split(separator: " ", maxSplits: 1)
        guard let status = words.first.flatMap({ Int($0) }) else { return nil }
        return (status, words.count > 1 ? Self.text(base64: String(words[1])) : "")
    }

    private func nextLine(timeout: Double) -> String? {
        var end: Int?
        let isThere = waitUntil(timeout: timeout) {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(line.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { received += buffer[..<count] }
            end = received.firstIndex(of: UInt8(ascii: "\n"))
            return end != nil
        }
        guard isThere, let end else { return nil }
        let text = String(decoding: received[..<end], as: UTF8.self)
        received.removeSubrange(...end)
        return text
    }

    private static func base64(_ text: String) -> String { Base64Text.encode(Array(text.utf8)) }
    private static func text(base64: String) -> String { String(decoding: Base64Text.decode(base64), as: UTF8.self) }
}

/// RFC 4648's base64.
private enum Base64Text {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let number = (0..<3).reduce(0) { $0 << 8 | (start + $1 < bytes.count ? Int(bytes[start + $1]) : 0) }
            for index in 0..<4 {
                text.append(index <= group.count ? digits[number >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [], bits = 0, number = 0
        for digit in text.utf8 {
            guard let value = digits.firstIndex(of: digit) else { continue }
            number = (number << 6 | value) & 0xFFFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: number >> bits))
            }
        }
        return bytes
    }
}
