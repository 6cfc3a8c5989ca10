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
    enum Subject { case sysroot, origin }

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

    var testDescription: String { name }

    /// A host of its own, ready for the command.
    func makeHost() throws -> HostFixture {
        let host = try host()
        try prepare(host)
        return host
    }

    /// The folder that the command changes.
    func changedFolder(_ host: HostFixture) -> FilePath { subject == .sysroot ? host.root : host.origin }

    /// Every command that changes something.
    static let all =
        installing + [
            upgrade, download, fromDownloaded, rollback, pin, unpin, switching, kernelArguments, factoryReset, cleanup,
            publish, prune,
        ]

    static let installing = [
        FaultCommand(
            name: "install", host: { try .empty() }, arguments: { $0.installation() }, before: [], after: ["3"])
    ]
    static let upgrade = onSysroot("upgrade", ["upgrade"], after: ["3", "2"])
    static let download = onSysroot("upgrade --download-only", ["upgrade", "--download-only"], after: ["2", "1"])
    static let fromDownloaded = onSysroot(
        "upgrade --from-downloaded", ["upgrade", "--from-downloaded"], after: ["3", "2"],
        prepare: { try $0.change("upgrade", "--download-only") })
    static let rollback = onSysroot("rollback", ["rollback"], after: ["1", "2"])
    static let pin = onSysroot("pin", ["pin", "1"], after: ["2", "1*"])
    static let unpin = onSysroot(
        "unpin", ["unpin", "1"], before: ["2", "1*"], after: ["2", "1"], prepare: { try $0.change("pin", "1") })
    static let switching = onSysroot("switch", ["switch", HostFixture.otherChannel], after: ["7", "2"])
    static let kernelArguments = onSysroot(
        "kernel-args", ["kernel-args", "--append", "console=ttyS0"], after: ["2", "2"])
    static let factoryReset = onSysroot(
        "factory-reset", ["factory-reset", "--yes", "--keep", "/var/lib"], after: ["2", "2"])
    /// A deployment too many, objects of an older one, and what a killed download has left.
    static let cleanup = onSysroot(
        "cleanup", ["cleanup"], before: ["3", "2", "1"], after: ["3", "2"],
        prepare: { host in
            try host.change("pin", "1")
            try host.change("upgrade")
            try host.change("unpin", "2")
            let arguments = ["switch", HostFixture.otherChannel, "--sysroot", host.root.string]
            _ = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": "fetch.object:3"])
        })
    static let publish = FaultCommand(
        name: "release publish", subject: .origin,
        host: {
            let host = try HostFixture.varied(ownsOrigin: true)
            host.patches = 2
            return host
        },
        arguments: { $0.publication() }, before: ["1", "2", "3"], after: ["1", "2", "3", "4"])
    static let prune = FaultCommand(
        name: "release prune", subject: .origin, host: { try .varied(ownsOrigin: true) },
        arguments: { ["release", "prune", $0.origin.string, "--keep", "1", "--key", $0.key.string] },
        before: ["1", "2", "3"], after: ["3"])

    private static func onSysroot(
        _ name: String, _ arguments: [String], before: [String] = ["2", "1"], after: [String],
        prepare: @escaping @Sendable (HostFixture) throws -> Void = { _ in }
    ) -> FaultCommand {
        FaultCommand(
            name: name, prepare: prepare, arguments: { arguments + ["--sysroot", $0.root.string] }, before: before,
            after: after)
    }
}

extension FaultCommand {
    /// What the sysroot boots, or the origin offers, now.
    func state(of host: HostFixture) throws -> [String] {
        guard subject == .sysroot else {
            let answer = try host.succeed(
                "release", "list", host.origin.string, "--channel", HostFixture.channel, "--json")
            let channels = try JSONValue(strict: answer.output, what: "the list").array ?? []
            return try channels.flatMap { channel in
                try JSONFields(channel, what: "the list").objects("releases").map { try $0.string("version") }
            }
        }
        return SysrootReader(root: host.root).report().listed.map { ($0.version ?? "?") + ($0.isPinned ? "*" : "") }
    }

    /// Either the old or the new state is there, whole: `ostree fsck`, each deployment against its commit, each boot
    /// entry, the stock tools' list; for an origin what its clients get.
    ///
    /// - Returns: what is not so.
    func damage(_ host: HostFixture) throws -> [String] {
        var found: [String] = []
        let state = try state(of: host)
        if state != before, state != after { found.append("it has \(state), neither the old nor the new") }
        do {
            switch subject {
            case .sysroot: found += try sysrootDamage(host)
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
        var found = try SysrootExamination.faults(of: host.sysroot.paths)
        let (own, stock) = (host.sysroot.ownStatus(), try host.sysroot.stockStatus())
        if own != stock { found.append("we list \(own), and ostree lists \(stock)") }
        let told = try host.deployments().map { try HostFixture.folderName($0) + ($0.bool("pinned") ? "*" : "") }
        if told != own { found.append("status tells \(told)") }
        return found
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
        var found = try damage(host)
        let state = try state(of: host)
        if state != (swaps ? before : after) { found.append("run again, it has \(state)") }
        guard subject == .sysroot else { return found }
        let problems = SysrootReader(root: host.root).report().allProblems
        if PendingChange.exists(in: host.sysroot.paths) { found.append("a change is still pending") }
        return found + problems.map { "\($0.kind.rawValue) \($0.path)" }
    }
}
