import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// A command that is hurt, the host that it is hurt on, and what has to hold then.
struct FaultCommand: Sendable, CustomTestStringConvertible {
    /// What it changes.
    enum Subject { case sysroot, origin, store }

    let name: String
    var subject = Subject.sysroot
    /// Makes the host.
    var host: @Sendable () throws -> HostFixture = { try .varied() }
    /// Prepares the host.
    var prepare: @Sendable (HostFixture) throws -> Void = { _ in }
    let arguments: @Sendable (HostFixture) -> [String]
    /// What the sysroot boots, or the origin offers, before and after.
    let before: [String]
    let after: [String]
    /// Whether the host is damaged before, and whole only once the command is done.
    var mends = false

    var testDescription: String { name }

    private static let prepared = MadeOnce<HostFixture>()

    /// A host of its own, ready for the command.
    func makeHost() throws -> HostFixture {
        if subject == .origin {
            let host = try host()
            try prepare(host)
            return host
        }
        let template = try Self.prepared.value(name) {
            let host = try host()
            PreparedHosts.keep(host)
            try prepare(host)
            return host
        }
        return try HostFixture(like: template)
    }

    /// What the command says of a failure: a repair tells what it could not mend as its result.
    func message(_ result: ProcessResult) -> String { mends ? result.text + result.errorText : result.errorText }

    /// The folder that the command changes.
    func changedFolder(_ host: HostFixture) -> FilePath {
        switch subject {
        case .sysroot: host.root
        case .origin: host.origin
        case .store: host.imported
        }
    }
}

extension FaultCommand {
    /// What the sysroot boots, the origin offers, or the store holds, now.
    func state(of host: HostFixture) throws -> [String] {
        switch subject {
        case .sysroot:
            return SysrootReader(root: host.root).report().listed.map { ($0.version ?? "?") + ($0.isPinned ? "*" : "") }
        case .store:
            return Files.exists(host.imported.appending("refs/heads/\(HostFixture.ref)")) ? ["1"] : []
        case .origin:
            let answer = try host.succeed(
                "release", "list", host.origin.string, "--channel", HostFixture.channel, "--json")
            let channels = try JSONValue(strict: answer.output, what: "the list").array ?? []
            return try channels.flatMap { channel in
                try JSONFields(channel, what: "the list").objects("releases").map { try $0.string("version") }
            }
        }
    }

    /// Either the old or the new state is there, whole: `ostree fsck`, each deployment against its commit, each boot
    /// entry, the stock tools' list; for an origin what its clients get.
    ///
    /// - Parameter isDone: whether what was damaged before has to be whole, too.
    /// - Returns: what is not so.
    func damage(_ host: HostFixture, isDone: Bool = false) throws -> [String] {
        var found: [String] = []
        let state = try state(of: host)
        if state != before, state != after { found.append("it has \(state), neither the old nor the new") }
        do {
            switch subject {
            case .sysroot where mends && !isDone: found += try newDamage(host)
            case .sysroot: found += try sysrootDamage(host)
            case .store: found += try storeDamage(host)
            case .origin: found += try originDamage(host, state)
            }
        } catch {
            found.append("\(error)")
        }
        return found
    }

    private func sysrootDamage(_ host: HostFixture) throws -> [String] {
        let reader = SysrootReader(root: host.root)
        guard reader.isSysroot, Files.exists(host.sysroot.paths.repository.appending("objects")) else { return [] }
        try host.sysroot.fsck()
        return try SysrootExamination.faults(of: host.sysroot.paths) + listDifferences(host)
    }

    private func listDifferences(_ host: HostFixture) throws -> [String] {
        var found: [String] = []
        let (own, stock) = (host.sysroot.ownStatus(), try host.sysroot.stockStatus())
        if own != stock { found.append("we list \(own), and ostree lists \(stock)") }
        let told = try host.deployments().map { try HostFixture.folderName($0) + ($0.bool("pinned") ? "*" : "") }
        if told != own { found.append("status tells \(told)") }
        return found
    }

    private static let damageBefore = MadeOnce<Set<String>>()

    /// What is damaged that was whole before the command was hurt.
    private func newDamage(_ host: HostFixture) throws -> [String] {
        let before = try Self.damageBefore.value(name) { try findings(makeHost()) }
        let new = try findings(host).subtracting(before).filter { subject in
            // The damaged file stays in the deployments until it is linked to its new object, and what a killed repair
            // was making until the next one.
            !subject.hasSuffix("/usr/share/same/3")
                && !(subject.split(separator: "/").last.map { Files.isTemporary("\($0)") } ?? false)
        }
        return try new.sorted() + listDifferences(host)
    }

    /// What `hostctl verify` finds to be damaged.
    private func findings(_ host: HostFixture) throws -> Set<String> {
        let result = try host.onSysroot("verify", "--json")
        guard result.status == 0 || result.status == 1 else {
            throw CommandFailed(command: "verify", errors: "\(result.end) \(result.errorText)")
        }
        let subjects = try result.json.objects("findings").map { try $0.string("subject") }
        return Set(subjects.map { $0.hasPrefix(host.root.string) ? String($0.dropFirst(host.root.string.count)) : $0 })
    }

    private func storeDamage(_ host: HostFixture) throws -> [String] {
        if Files.exists(host.imported.appending("config")) {
            try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.imported)")
        }
        return []
    }

    private func originDamage(_ host: HostFixture, _ state: [String]) throws -> [String] {
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
        let offered = try host.changeJSON("upgrade", "--check").string("version")
        return offered == state.last ? [] : ["the list ends with \(state), and hosts are offered \(offered)"]
    }

    /// Runs the command again, which has to complete it, and looks whether everything is as it should be then.
    ///
    /// - Returns: what is not so.
    func completionFaults(_ host: HostFixture) throws -> [String] {
        // A rollback that is complete is a rollback of its own when it is asked for again.
        let swaps = try name == "rollback" && state(of: host) == after && !PendingChange.exists(in: host.sysroot.paths)
        let isDone = try name == "upgrade --from-downloaded" && state(of: host) == after
        let result = try host.hostctl(arguments(host))
        // What is deployed is no longer there to be deployed.
        if isDone, result.errorText.contains("nothing has been downloaded") { return try damage(host) }
        guard result.status == 0 else { return ["run again: \(result.end) \(result.errorText)"] }
        var found = try damage(host, isDone: true)
        let state = try state(of: host)
        if state != (swaps ? before : after) { found.append("run again, it has \(state)") }
        guard subject == .sysroot else { return found }
        let problems = SysrootReader(root: host.root).report().allProblems
        if PendingChange.exists(in: host.sysroot.paths) { found.append("a change is still pending") }
        return found + problems.map { "\($0.kind.rawValue) \($0.path)" }
    }
}
