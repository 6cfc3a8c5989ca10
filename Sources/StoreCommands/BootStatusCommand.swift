import ArgumentParser
import BootLoaders
import Checksums
import HealthChecks
import HostctlCommands
import LinuxSystem
import Sysroots
import SystemPackage
import TrustMetadata

/// `hostctl boot status`.
struct BootStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the boot entries, their tries, the health checks and the boot loader.",
        discussion: "Example: hostctl boot status --json")

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw BootAssessmentError.noSysroot(sysroot.root.string) }
        let paths = reader.paths
        guard let configuration = try BootConfiguration.load(paths) else {
            throw BootAssessmentError.noBootPartition(paths.root.string)
        }
        if let problem = BootMount(paths, configuration).problem { throw BootAssessmentError.unmounted(problem.text) }
        let partition = paths.partition
        let loader = configuration.bootLoader(on: partition)
        let report = reader.report()
        let source = try LoaderImage.source(reader, report, configuration, partition)
        output.show(
            BootStatusOutput(
                configuration: configuration, listing: try loader.listing(), report: report,
                loader: try source.map { try loader.loaderStatus($0) }, free: try partition.freeSpace(),
                health: report.isRunning ? HealthReport.load() : nil))
    }
}

/// Where the loader of the deployment in use comes from.
enum LoaderImage {
    /// - Returns: `nil` when there is no deployment.
    static func source(
        _ reader: SysrootReader, _ report: SysrootReport, _ configuration: BootConfiguration, _ partition: BootPartition
    ) throws -> LoaderSource? {
        guard let image = reader.configurationRoot else { return nil }
        let bios = configuration.loader == .grub ? try BIOSBootArea.find(beside: partition) : nil
        return LoaderSource(image: image, bios: bios)
    }
}

/// The answer of `boot status`.
private struct BootStatusOutput: OutputValue {
    let configuration: BootConfiguration
    let listing: EntryListing
    let report: SysrootReport
    let loader: LoaderStatus?
    let free: Int64
    let health: HealthReport?

    private func record(_ entry: LoaderEntry) -> DeploymentRecord? {
        report.deployments.first { $0.name.description == entry.deployment }
    }

    private func isBad(_ entry: LoaderEntry) -> Bool {
        record(entry).map { report.boots?.reasonAgainst($0.name) != nil } ?? false
    }

    var text: String {
        var lines = ["Loader    \(configuration.loader.rawValue)\(loader?.installed.map { " \($0)" } ?? "")"]
        if let loader, loader.differs {
            lines.append("          the image has \(loader.available ?? "another one"): 'hostctl boot update-loader'")
        }
        if loader?.hasForeignConfiguration == true { lines.append("          \(LoaderStatus.foreignConfiguration)") }
        if loader?.hasFallback == true { lines.append("          the one before is kept until this one has booted") }
        lines.append("Partition \(configuration.partition), \(ByteCount.text(free)) free")
        lines += listing.entries.enumerated().map { index, entry in line(entry, index) }
        lines += listing.damaged.map { "  \($0.name.text)  (cannot be used: it \($0.problem))" }
        if let good = report.boots?.good { lines.append("Good      \(good)") }
        for bad in report.boots?.bad ?? [] {
            lines.append("Bad       \(bad.version ?? bad.commit.hex): \(bad.reason), \(UTCTime(bad.time))")
        }
        for bad in report.boots?.badDeployments ?? [] {
            lines.append("Bad       \(bad.name): \(bad.reason), \(UTCTime(bad.time))")
        }
        for check in health?.results ?? [] {
            lines.append("Check     \(check.name): \(check.failure.map { "FAILED, \($0)" } ?? "passed")")
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ entry: LoaderEntry, _ index: Int) -> String {
        let record = record(entry)
        var words = index == 0 ? ["next"] : []
        if record?.isBooted == true { words.append("booted") }
        switch entry.counter {
        case nil: words.append("good")
        case .some(let counter) where counter.isExhausted: words.append("no try left")
        case .some(let counter): words.append("\(counter.left) tries left")
        }
        if isBad(entry) { words.append("BAD") }
        let version = record?.version ?? entry.deployment
        return "  \(entry.name.digits)  \(version)  (\(words.joined(separator: ", ")))"
    }

    var json: JSONValue {
        .object([
            ("format", 1), ("loader", .string(configuration.loader.rawValue)),
            ("partition", .string(configuration.partition)), ("tries", .integer(Int64(configuration.tries))),
            ("free_bytes", .integer(free)), ("entries", .array(listing.entries.map(entryJSON))),
            ("damaged", .array(listing.damaged.map { .string($0.name.text) })),
            ("foreign", .array(listing.foreign.map { .string($0) })), ("boots", report.boots?.json ?? .null),
            ("health", health?.json ?? .null), ("loader_status", loader?.json ?? .null),
        ])
    }

    private func entryJSON(_ entry: LoaderEntry) -> JSONValue {
        [
            "generation": .integer(Int64(entry.generation)), "name": .string(entry.name.text),
            "deployment": .string(entry.deployment), "title": .string(entry.title),
            "version": record(entry)?.version.map { .string($0) } ?? .null,
            "tries_left": entry.counter.map { .integer(Int64($0.left)) } ?? .null,
            "tries_done": entry.counter.map { .integer(Int64($0.done)) } ?? .null,
            "booted": .bool(record(entry)?.isBooted == true), "bad": .bool(isBad(entry)),
        ]
    }
}

extension LoaderStatus {
    var json: JSONValue {
        [
            "installed": installed.map { .string($0) } ?? .null, "available": available.map { .string($0) } ?? .null,
            "differs": .bool(differs), "fallback": .bool(hasFallback),
            "foreign_configuration": .bool(hasForeignConfiguration),
        ]
    }

    fileprivate static let foreignConfiguration =
        "grub.cfg was not written by this hostctl; 'hostctl boot update-loader --force' replaces it"
}

/// `hostctl boot update-loader`.
struct BootUpdateLoaderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update-loader", abstract: "Replace the installed boot loader by the one of the image.",
        discussion: """
            Updates of the host never touch the loader. The new one is written beside the old one and read back before the \
            two are exchanged; a copy of the old one is kept until the next good boot, however many updates come before \
            that. GRUB's configuration is a part of it: its timeout stays as it is, and one that was changed by hand is left \
            alone without --force.

            Example: hostctl boot update-loader
            """)

    @Flag(help: "Also when the installed one is newer or has not booted yet, or grub.cfg was changed by hand.")
    var force = false
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        let assessment = BootAssessment(
            root: sysroot.root, command: "hostctl boot update-loader", wait: waiting.wait)
        guard let configuration = try BootConfiguration.load(assessment.paths) else {
            throw BootAssessmentError.noBootPartition(sysroot.root.string)
        }
        let (source, before) = try assessment.withLoader { loader in
            guard let source = try LoaderImage.source(reader, reader.report(), configuration, loader.partition) else {
                throw BootAssessmentError.notBooted
            }
            return (source, try loader.checkUpdate(source, force: force))
        }
        guard before.differs || force else { return output.show(LoaderUpdateOutput(before: before, after: before)) }
        // Noted first: a fallback that nobody waits for would be removed by the next good boot. Not without an update,
        // as a good boot after it would prove nothing of the one that is on trial already.
        try assessment.noteLoaderUpdate()
        let after = try assessment.withLoader { try $0.updateLoader(source, force: force) }
        output.show(LoaderUpdateOutput(before: before, after: after))
    }
}

private struct LoaderUpdateOutput: OutputValue {
    let before: LoaderStatus
    let after: LoaderStatus

    /// A configuration that was replaced by force did not count as different.
    private var isChanged: Bool { before.differs || before.hasForeignConfiguration != after.hasForeignConfiguration }

    var text: String { after.hasForeignConfiguration ? "\(change)\n\(LoaderStatus.foreignConfiguration)" : change }

    private var change: String {
        guard isChanged else { return "the boot loader is that of the image already" }
        let (old, new) = (before.installed ?? "another one", after.installed ?? "replaced")
        if old == new { return "the boot loader is still \(new), and its files are those of the image now" }
        return "the boot loader is \(new) now, it was \(old)"
    }

    var json: JSONValue {
        ["changed": .bool(isChanged), "before": before.json, "after": after.json]
    }
}
