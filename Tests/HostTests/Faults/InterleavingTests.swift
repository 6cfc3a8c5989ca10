import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Two operators give commands on one sysroot at about the same time: what comes of it is what comes of the one command
/// after the other, in one of the two orders.
@Suite struct InterleavingTests {
    /// A command that one of the operators gives.
    struct Order: Sendable, Hashable {
        let words: [String]
        /// Whether it takes `--wait`.
        var waits = true
        /// A stock tool, which waits for locks by itself.
        var isStock = false

        var name: String { words.joined(separator: " ") }

        func command(_ host: HostFixture, waiting: Bool) -> [String] {
            if isStock { return ["/usr/bin/ostree", "admin"] + words.dropFirst(2) + ["--sysroot=\(host.root)"] }
            let wait = waits ? ["--wait", waiting ? "60" : "0"] : []
            return [BuiltProducts.hostctl] + words + wait + ["--sysroot", host.root.string]
        }
    }

    private static let orders = [
        Order(words: ["upgrade"]), Order(words: ["upgrade", "--download-only"]), Order(words: ["rollback"]),
        Order(words: ["pin", "0"]), Order(words: ["pin", "1"]), Order(words: ["unpin", "1"]),
        Order(words: ["switch", HostFixture.otherChannel]), Order(words: ["status"], waits: false),
        Order(words: ["cleanup"]), Order(words: ["cleanup", "--downloads"]), Order(words: ["verify"]),
        Order(words: ["verify", "--repair"]), Order(words: ["auto-update", "run", "--policy", "stage"]),
        Order(words: ["ostree", "admin", "pin", "1"], isStock: true),
    ]

    /// What is compared: boot order with pins, what is followed, what was done, what was downloaded.
    struct Outcome: Sendable, Hashable, CustomStringConvertible {
        let deployments: [String]
        let channel: String
        let history: [String]
        let download: Bool
        let failures: [String]

        init(_ host: HostFixture, failures: [String] = []) throws {
            let report = SysrootReader(root: host.root).report()
            deployments = report.listed.map { "\($0.version ?? "?").\($0.name.serial)" + ($0.isPinned ? "*" : "") }
            channel = try SysrootState.load(host.sysroot.paths)?.channel ?? ""
            // Who is turned away may say so there; what was done is what counts.
            history = try History(host.sysroot.paths).entries().filter { $0.action != .failure }.map { entry in
                "\(entry.command) \(entry.action.rawValue) \(entry.version ?? "")"
            }
            download = Files.exists(host.sysroot.paths.state.appending("download/manifest.json"))
            self.failures = failures
        }

        var description: String { "\(deployments) \(channel) \(history) \(download) \(failures)" }
    }

    /// The outcomes of one order after the other: two that were done, or one alone where the other was turned away.
    private static let serial = Guarded<[[Order]: Outcome]>([:])

    private static func outcome(_ orders: [Order]) throws -> Outcome {
        if let known = serial.with({ $0[orders] }) { return known }
        let host = try HostFixture.varied()
        var failures: [String] = []
        for order in orders {
            let result = try run(order.command(host, waiting: true))
            if result.status != 0 { failures.append(order.name) }
        }
        let outcome = try Outcome(host, failures: failures)
        serial.with { $0[orders] = outcome }
        return outcome
    }

    @Test(
        "two commands at random moments come to what one after the other comes to",
        .enabled(if: isThorough, "takes a minute; left out of the quick run"))
    func random() throws {
        let total = Campaign.isFull ? 200 : 24
        let next = Guarded((started: 0, turnedAway: 0))
        let faults = Guarded<[String]>([])
        @Sendable func take(_ number: inout Int) -> Int {
            number += 1
            return number - 1
        }
        try Workers.run(2) { worker, stop in
            var generator = SeededGenerator(stream: UInt64(40 + worker))
            while !stop.isSet, next.with({ take(&$0.started) }) < total {
                let pair = [Self.orders.randomElement(using: &generator), Self.orders.randomElement(using: &generator)]
                let offset = Double.random(in: -0.2...0.2, using: &generator)
                let waits = Bool.random(using: &generator)
                let turnedAway = try interleave(pair.compactMap { $0 }, offset: offset, waiting: waits, faults)
                next.with { $0.turnedAway += turnedAway }
            }
        }
        // Recorded here: the threads are not known to belong to a test.
        for fault in faults.with({ $0 }) { Issue.record("\(fault)") }
        print("seed \(Campaign.seed): \(total) interleavings, \(next.with { $0.turnedAway }) commands were turned away")
    }

    /// - Returns: how many commands were turned away by a lock, or because of what the other one had changed.
    private func interleave(_ pair: [Order], offset: Double, waiting: Bool, _ faults: Guarded<[String]>) throws -> Int {
        let host = try HostFixture.varied()
        let ordered = offset < 0 ? [1, 0] : [0, 1]
        var processes: [Int: ChildProcess] = [:]
        for (place, index) in ordered.enumerated() {
            if place == 1 { usleep(UInt32(abs(offset) * 1e6)) }
            processes[index] = try ChildProcess(pair[index].command(host, waiting: waiting))
        }
        let what = "seed \(Campaign.seed): \(pair.map(\.name)), \(Int(offset * 1e3)) ms apart, waiting: \(waiting)"
        func note(_ fault: String) { faults.with { $0.append("\(what): \(fault)") } }
        var done: [Order] = []
        var failures: [String] = []
        for index in [0, 1] {
            guard let result = try processes[index]?.wait(timeout: 90) else { continue }
            switch judge(result, pair[index], waiting) {
            case .done: done.append(pair[index])
            case .failed:
                done.append(pair[index])
                failures.append(pair[index].name)
            case .turnedAway: break
            case .wrong: note("\(pair[index].name): \(result.end) \(result.errorText)")
            }
        }
        let outcome = try Outcome(host, failures: failures)
        let allowed = try Set([done, done.reversed()].map { try Self.outcome($0) })
        if !allowed.contains(where: { outcome.matches($0, mayHaveDownload: done.count < 2) }) {
            note("\(outcome), and one after the other: \(allowed)")
        }
        do {
            try host.sysroot.fsck()
            for fault in try SysrootExamination.faults(of: host.sysroot.paths) { note(fault) }
            let (own, stock) = (host.sysroot.ownStatus(), try host.sysroot.stockStatus())
            if own != stock { note("we list \(own), and ostree lists \(stock)") }
        } catch {
            note("\(error)")
        }
        return 2 - done.count
    }

    private enum Verdict { case done, failed, turnedAway, wrong }

    private func judge(_ result: ProcessResult, _ order: Order, _ waiting: Bool) -> Verdict {
        switch result.end {
        case .exited(0): return .done
        case .exited(6): return waiting && order.waits ? .wrong : .turnedAway
        case .exited(1) where result.errorText.contains("changed the deployments during the download"):
            return .turnedAway
        // One after the other, these fail too: the other command has taken the deployment away, or gone elsewhere.
        case .exited(1) where result.errorText.contains("names no deployment"): return .failed
        case .exited(3) where result.errorText.contains("--allow-downgrade"): return .failed
        default: return .wrong
        }
    }
}

extension InterleavingTests.Outcome {
    /// - Parameter mayHaveDownload: an upgrade that was turned away after its download keeps that.
    fileprivate func matches(_ other: Self, mayHaveDownload: Bool) -> Bool {
        deployments == other.deployments && channel == other.channel && history == other.history
            && failures.sorted() == other.failures.sorted()
            && (download == other.download || download && mayHaveDownload)
    }
}
