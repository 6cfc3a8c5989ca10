import BootLoaders
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Kills of an update of the loader, and of its confirmation, at every place that they reach, and whatever follows.
///
/// What holds all the time: each name of the loader leads to a whole one; when that is not proven, a whole proven one
/// is beside it as `.OLD`; and nothing else ever is.
@Suite struct LoaderKillTests {
    /// Loaders of one version, so that none is older than another.
    enum Build: UInt8, CaseIterable {
        case proven = 1
        case trial, other, third

        var content: [UInt8] { Sample.program("252.1", build: rawValue) }
    }

    /// What is killed.
    enum Change: CaseIterable {
        case firstUpdate, secondUpdate, wayBack, confirmation

        /// What it puts in.
        var build: Build? {
            switch self {
            case .firstUpdate: .trial
            case .secondUpdate: .other
            case .wayBack: .proven
            case .confirmation: nil
            }
        }
    }

    /// What follows.
    enum Next: CaseIterable { case same, wayBack, thirdUpdate, confirmation }

    private struct Target {
        let path: String
        var stem: String { String(path.prefix { $0 != "." }) }
    }
    private static let targets = [
        Target(path: "EFI/systemd/systemd-bootx64.efi"), Target(path: "EFI/BOOT/BOOTX64.EFI"),
    ]

    private let images: TemporaryFolder

    init() throws {
        images = try TemporaryFolder(inMemory: true)
        for build in Build.allCases { _ = try Sample.loaderImage(in: images, "\(build)", build.content) }
    }

    private func source(_ build: Build) -> LoaderSource {
        LoaderSource(image: images.path.appending("image-\(build)"))
    }

    private func update(_ disk: TestPartition, to build: Build) throws -> LoaderStatus {
        try disk.loader(.systemdBoot).updateLoader(source(build), force: false)
    }

    /// A partition on which the change is to be made.
    private func prepared(for change: Change) throws -> TestPartition {
        let disk = try TestPartition()
        try disk.loader(.systemdBoot).install(source(.proven), options: LoaderOptions())
        if change != .firstUpdate { _ = try update(disk, to: .trial) }
        return disk
    }

    private func make(_ change: Change, on disk: TestPartition, faultPoint: String) throws -> ProcessResult {
        let trial = BuiltProducts.folder.appending("boot-trial").string
        let arguments = change.build.map { ["update", source($0).image.string] } ?? ["confirm"]
        return try run(
            [trial, "systemd-boot", disk.root.string] + arguments, environment: ["HOSTCTL_FAULT_POINT": faultPoint])
    }

    /// The places that the change reaches, each with the number of the visit.
    private func listPlaces(of change: Change) throws -> [String] {
        let disk = try prepared(for: change)
        let result = try make(change, on: disk, faultPoint: "list")
        try #require(result.end == .exited(0), "\(result.errorText)")
        var visits: [String: Int] = [:]
        var places: [String] = []
        for line in result.errorText.split(separator: "\n") where line.hasPrefix(FaultPoint.listed) {
            let name = String(line.dropFirst(FaultPoint.listed.count))
            visits[name, default: 0] += 1
            places.append("\(name):\(visits[name, default: 0])")
        }
        #expect(try disk.names("EFI/BOOT").contains("BOOTX64.EFI"))
        return places
    }

    /// The same files on another partition.
    private func duplicate(_ disk: TestPartition) throws -> TestPartition {
        let other = try TestPartition()
        for folder in ["EFI/systemd", "EFI/BOOT"] {
            for name in try disk.names(folder) {
                try other.write("\(folder)/\(name)", disk.folder.read("partition/\(folder)/\(name)"))
            }
        }
        return other
    }

    private func build(_ disk: TestPartition, _ target: Target) throws -> Build? {
        let bytes = try disk.folder.read("partition/\(target.path)")
        return Build.allCases.first { $0.content == bytes }
    }

    private func check(
        _ disk: TestPartition, proven: Set<Build>, _ when: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for target in Self.targets {
            let present = try build(disk, target)
            #expect(present != nil, "\(when): \(target.path) is torn", sourceLocation: sourceLocation)
            let path = disk.root.appending("\(target.stem).OLD")
            let old = try Files.readIfPresent(path, limit: 1 << 20) ?? []
            let isProven =
                old.isEmpty
                ? present.map { proven.contains($0) } == true : proven.contains { $0.content == old }
            #expect(isProven, "\(when): \(target.stem) has lost what is proven", sourceLocation: sourceLocation)
        }
    }

    @Test("whatever is killed, and whatever follows, what is proven is there", arguments: Change.allCases)
    func kills(_ change: Change) throws {
        let places = try listPlaces(of: change)
        let expected = change == .confirmation ? "boot.after-removal-flush:2" : "boot.after-exchange-flush:2"
        #expect(places.contains(expected), "\(places)")
        // What has booted is proven as well.
        let proven: Set<Build> = change == .confirmation ? [.proven, .trial] : [.proven]
        for place in places {
            let disk = try prepared(for: change)
            let result = try make(change, on: disk, faultPoint: place)
            try #require(result.end == .signaled(9), "\(change) never came to \(place): \(result.errorText)")
            try check(disk, proven: proven, "\(change), \(place)")
            for next in Next.allCases {
                let other = try duplicate(disk)
                try follow(change, by: next, on: other, proven, "\(change), \(place), \(next)")
            }
        }
    }

    private func follow(
        _ change: Change, by next: Next, on disk: TestPartition, _ known: Set<Build>, _ when: String
    ) throws {
        let loader = disk.loader(.systemdBoot)
        var proven = known
        var isConfirmed = next == .confirmation
        switch next {
        case .same:
            if let build = change.build { _ = try update(disk, to: build) } else { isConfirmed = true }
        case .wayBack:
            let status = try update(disk, to: .proven)
            #expect(!status.hasFallback || change == .confirmation, "\(when)")
        case .thirdUpdate: _ = try update(disk, to: .third)
        case .confirmation: break
        }
        if isConfirmed {
            // Where the names are of two loaders, nobody knows which of them has booted.
            let present = try Set(Self.targets.map { try build(disk, $0) })
            try loader.confirmLoader()
            if present.count == 1 { proven = Set(present.compactMap { $0 }) }
        }
        try check(disk, proven: proven, when)
        // One more update, to what is not there yet, and a good boot.
        let last = next == .thirdUpdate ? Build.other : .third
        #expect(try update(disk, to: last).hasFallback, "\(when)")
        try check(disk, proven: proven, "\(when), another update")
        for target in Self.targets { #expect(try build(disk, target) == last, "\(when)") }
        try loader.confirmLoader()
        try disk.partition.removeLeftovers()
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"], "\(when)")
        #expect(try disk.names("EFI/systemd") == ["systemd-bootx64.efi"], "\(when)")
    }

    @Test("whatever a kill or a power cut leaves beside a loader, an update and a confirmation keep what is proven")
    func states() throws {
        let torn = Array(Build.other.content.prefix(1000))
        let rests: [[UInt8]?] = [nil, [], torn] + Build.allCases.map { Optional($0.content) }
        let fallbacks: [[UInt8]?] = [nil, [], Build.proven.content]
        let goals: [Build?] = [.proven, .trial, .third, nil]
        for present in [Build.proven, .trial] {
            for old in fallbacks where present == .proven || old == Build.proven.content {
                for new in rests {
                    for goal in goals { try meet(present, old: old, new: new, goal) }
                }
            }
        }
    }

    /// - Parameter goal: what it is updated to; `nil` for a confirmation.
    private func meet(_ present: Build, old: [UInt8]?, new: [UInt8]?, _ goal: Build?) throws {
        let disk = try TestPartition()
        for target in Self.targets {
            try disk.write(target.path, present.content)
            if let old { try disk.write("\(target.stem).OLD", old) }
            if let new { try disk.write("\(target.stem).NEW", new) }
        }
        func words(_ bytes: [UInt8]?) -> String {
            bytes.map { "\($0.count) bytes of \($0.dropFirst(32).first ?? 0)" } ?? "none"
        }
        let when = "\(present); old: \(words(old)); new: \(words(new))"
        guard let goal else {
            try disk.loader(.systemdBoot).confirmLoader()
            return try check(disk, proven: [present], when)
        }
        if goal != present, new == present.content {
            // The two may share their clusters, and nothing is removed.
            #expect(throws: BootLoaderError.self, "\(when)") { try update(disk, to: goal) }
        } else {
            _ = try update(disk, to: goal)
            for target in Self.targets { #expect(try build(disk, target) == goal, "\(when)") }
        }
        try check(disk, proven: [.proven], "\(when), to \(goal)")
    }
}
