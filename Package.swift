// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
]

/// What hosts run is small: relative relocations packed (glibc 2.36 and later), what nobody calls left out, and nothing
/// exported, as nothing is loaded that would look for it.
let linking: [LinkerSetting] = [
    .unsafeFlags(
        ["-use-ld=lld"]
            + ["--gc-sections", "--no-export-dynamic", "-z", "pack-relative-relocs"].flatMap { ["-Xlinker", $0] },
        .when(configuration: .release))
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

/// A library target; its unit tests, when there are any, are a `test` of the same name.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The unit tests beside a target.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies,
        path: "Tests/\(name)Tests", swiftSettings: settings)
}

let package = Package(
    name: "hostctl",
    products: [
        .executable(name: "hostctl", targets: ["hostctl"]),
        .executable(name: "hostctl-store", targets: ["hostctl-store"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // System libraries: a module map and inline forwarding, no logic.
        .systemLibrary(name: "COSTree", pkgConfig: "ostree-1", providers: [.apt(["libostree-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

        // System calls that Swift cannot reach, and the arguments as the kernel passed them.
        .target(name: "CLinux"),
        // Descriptors, atomic replacement, locks, worker threads, fault points.
        room("LinuxSystem", ["CLinux", system]),
        // systemd-syntax files and drop-ins, read into validated values.
        room("Settings", ["LinuxSystem", system]),
        // SHA-256 and the checksums that name objects.
        room("Checksums", ["COpenSSL"]),
        // Bounded tar reading and writing, decompression.
        room("Archives", ["CArchive", "CZlib", "LinuxSystem", system]),
        // ed25519 keys, signing, verification, trusted key folders.
        room("Signatures", ["COpenSSL", "Checksums", "LinuxSystem", system, subprocess]),
        // HTTP: bounded, resumable, retried.
        room("Transfers", ["CCurl", "LinuxSystem", system]),
        // Strict JSON and signed envelopes.
        room("TrustMetadata", ["Signatures", "Checksums"]),
        // OCI's documents and layouts.
        room("Registries", ["Archives", "TrustMetadata", "Checksums", "LinuxSystem", system]),
        // ostree's formats in Swift: commits, trees, file headers. No I/O.
        room("ObjectFormats", ["Checksums", "LinuxSystem"]),
        // The store: parallel object writing, ingest, verification, refs.
        room("ObjectStorage", ["ObjectFormats", "Checksums", "LinuxSystem", "CLinux", "CZlib", system]),
        // Deltas: matching, differences, the pool's format, making and applying patches.
        room(
            "ObjectPatches", ["ObjectStorage", "ObjectFormats", "Checksums", "LinuxSystem", "CZstd", system]),
        // A tolerant reader of the sysroot and hostctl's own state; no libostree.
        room(
            "Sysroots",
            [
                "BootLoaders", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "TrustMetadata",
                "LinuxSystem", system,
            ]),
        // The three-way merge of /etc, and of the accounts in it; no libostree.
        room("EtcMerges", ["LinuxSystem", "CLinux", system]),
        // What hostctl needs of a host, looked over; no libostree.
        room(
            "HostChecks",
            [
                "Sysroots", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "TrustMetadata", "LinuxSystem",
                "CLinux", system,
            ]),
        // The boot partition, systemd-boot's and GRUB's entries, try counters; no libostree.
        room("BootLoaders", ["LinuxSystem", "CLinux", system]),
        // Disks of hosts: partitions, file systems, images in files; no libostree.
        room("Disks", ["LinuxSystem", "CLinux", system]),
        // libostree, wrapped: one owner per object, GErrors copied and freed.
        room("OSTree", ["COSTree", "LinuxSystem", system]),
        // Installing, deploying, rolling back, pinning.
        room(
            "Deployments",
            [
                "BootLoaders", "EtcMerges", "Sysroots", "ObjectStorage", "ObjectFormats", "Checksums", "OSTree",
                "LinuxSystem", system,
            ]),
        // Health checks, what boots come to, good and bad releases; no libostree.
        room(
            "HealthChecks",
            ["Sysroots", "BootLoaders", "Settings", "TrustMetadata", "Checksums", "LinuxSystem", system]),
        // Origins: layout, release manifests, publishing, fetching.
        room(
            "Releases",
            [
                "ObjectPatches", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "TrustMetadata",
                "Transfers", "OSTree", "LinuxSystem", system,
            ]),
        // Recipes, root filesystem conversion, package lists, import, export, lint.
        room(
            "HostImages",
            [
                "ObjectPatches", "ObjectStorage", "ObjectFormats", "Archives", "Registries", "Checksums", "Settings",
                "TrustMetadata", "LinuxSystem", system, subprocess,
            ]),
        // One update, from check to deployed.
        room(
            "Updates",
            [
                "Releases", "Deployments", "BootLoaders", "Disks", "EtcMerges", "Sysroots", "ObjectPatches",
                "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "TrustMetadata", "Transfers", "Settings",
                "LinuxSystem", system,
            ]),
        // Updates that nobody asks for: policy, pauses, what the last one came to.
        room(
            "AutomaticUpdates",
            [
                "Updates", "Releases", "Deployments", "Sysroots", "Checksums", "Settings", "Transfers", "LinuxSystem",
                system,
            ]),

        // What both executables share: output, exit codes, and the commands that need no store.
        room(
            "HostctlCommands",
            [
                "HostChecks", "HealthChecks", "EtcMerges", "Sysroots", "Settings", "ObjectStorage", "ObjectFormats",
                "Checksums", "Signatures",
                "TrustMetadata", "LinuxSystem", "CLinux", arguments, system,
            ]),
        // The commands that need the store; what is mapped here loads libostree.
        room(
            "StoreCommands",
            [
                "HostctlCommands", "AutomaticUpdates", "Updates", "Releases", "Deployments", "EtcMerges", "Disks",
                "HealthChecks", "BootLoaders",
                "HostImages",
                "Archives", "Sysroots", "ObjectStorage", "ObjectFormats", "Checksums", "OSTree", "Settings",
                "Signatures",
                "TrustMetadata", "Transfers",
                "LinuxSystem", arguments, system, subprocess,
            ]),
        .executableTarget(
            name: "hostctl", dependencies: ["HostctlCommands", "LinuxSystem"], swiftSettings: settings,
            linkerSettings: linking),
        .executableTarget(
            name: "hostctl-store", dependencies: ["StoreCommands", "HostctlCommands", "LinuxSystem"],
            swiftSettings: settings, linkerSettings: linking),

        // What every test target shares: temporary folders, bounded processes, servers.
        .target(
            name: "TestSupport", dependencies: ["LinuxSystem", system], path: "Tests/TestSupport",
            swiftSettings: settings),
        // Locks, replaces and removes in a process of its own, which a test can kill at a fault point.
        .executableTarget(
            name: "linux-trial", dependencies: ["LinuxSystem", system], path: "Tests/LinuxTrial",
            swiftSettings: settings),
        tests("LinuxSystem", ["linux-trial", "CLinux", system]),
        // Changes a boot partition in a process of its own, which a test can kill at a fault point.
        .executableTarget(
            name: "boot-trial", dependencies: ["BootLoaders", "LinuxSystem", system], path: "Tests/BootTrial",
            swiftSettings: settings),
        tests("BootLoaders", ["boot-trial", "LinuxSystem", system]),
        tests("Checksums", ["LinuxSystem"]),
        // Merges in a process of its own, which a test can kill at a fault point.
        .executableTarget(
            name: "etc-trial", dependencies: ["EtcMerges", "LinuxSystem", system], path: "Tests/EtcTrial",
            swiftSettings: settings),
        tests("EtcMerges", ["etc-trial", "LinuxSystem", "CLinux", system]),
        tests("Archives", ["LinuxSystem", system]),
        tests("Registries", ["Archives", "TrustMetadata", "Checksums", "LinuxSystem", system]),
        tests(
            "HostctlCommands",
            ["Sysroots", "Signatures", "Checksums", "TrustMetadata", "LinuxSystem", arguments]),
        tests("Settings", ["LinuxSystem", system]),
        tests("Transfers", ["LinuxSystem", system]),
        tests(
            "HostImages",
            [
                "ObjectStorage", "ObjectFormats", "Archives", "Registries", "Checksums", "Settings", "TrustMetadata",
                "LinuxSystem", "CLinux", system,
            ]),
        tests("Signatures", ["LinuxSystem", system]),
        tests("TrustMetadata", ["Signatures"]),
        tests(
            "Releases",
            [
                "ObjectPatches", "Transfers", "ObjectStorage", "ObjectFormats", "Signatures", "Checksums",
                "TrustMetadata",
                "LinuxSystem", system,
            ]),
        tests("ObjectFormats", ["Checksums", "LinuxSystem", system]),
        tests("ObjectStorage", ["ObjectFormats", "Checksums", "LinuxSystem", "CZlib", system]),
        // Sysroots and images for tests, made with stock tools and with our own store.
        .target(
            name: "SysrootFixtures",
            dependencies: [
                "TestSupport", "Sysroots", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "LinuxSystem",
                system,
            ], path: "Tests/SysrootFixtures", swiftSettings: settings),
        // Changes a sysroot in a process of its own, which a test can kill at a fault point.
        .executableTarget(
            name: "deployment-trial", dependencies: ["Deployments", "Sysroots", "Checksums", "LinuxSystem", system],
            path: "Tests/DeploymentTrial", swiftSettings: settings),
        tests("OSTree", ["SysrootFixtures", "ObjectStorage", "ObjectFormats", "Checksums", "LinuxSystem", system]),
        tests("ObjectPatches", ["ObjectStorage", "ObjectFormats", "Checksums", "LinuxSystem", system]),
        tests(
            "Sysroots",
            [
                "SysrootFixtures", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures", "TrustMetadata",
                "LinuxSystem", system,
            ]),
        tests(
            "Deployments",
            [
                "SysrootFixtures", "deployment-trial", "BootLoaders", "EtcMerges", "OSTree", "Sysroots",
                "ObjectStorage",
                "ObjectFormats", "Checksums",
                "Signatures", "LinuxSystem", system,
            ]),
        tests(
            "HealthChecks",
            [
                "SysrootFixtures", "Sysroots", "BootLoaders", "Settings", "Deployments", "ObjectStorage",
                "ObjectFormats", "TrustMetadata",
                "Checksums", "LinuxSystem", system,
            ]),
        tests("Updates", ["BootLoaders", "Disks", "Settings", "Sysroots", "LinuxSystem", system]),
        // Disks whose power went: logs of writes, and every state that they can leave.
        .target(
            name: "PowerCuts",
            dependencies: ["SysrootFixtures", "TestSupport", "BootLoaders", "Sysroots", "LinuxSystem", system],
            path: "Tests/PowerCuts", swiftSettings: settings),
        tests("PowerCuts", ["LinuxSystem", system]),
        // Grows a partition in a process of its own, which a test can kill at a fault point.
        .executableTarget(
            name: "disk-trial", dependencies: ["Disks", "LinuxSystem", system], path: "Tests/DiskTrial",
            swiftSettings: settings),
        tests("Disks", ["disk-trial", "LinuxSystem", system]),
        // Virtual machines, started from disks that hostctl has installed.
        .testTarget(
            name: "BootTests",
            dependencies: ["PowerCuts", "TestSupport", "Sysroots", "TrustMetadata", "LinuxSystem", system],
            path: "Tests/BootTests", exclude: ["debian-12", "faults"], swiftSettings: settings),
        // Whole commands as real processes on real sysroots.
        .testTarget(
            name: "HostTests",
            dependencies: [
                "TestSupport", "SysrootFixtures", "hostctl", "hostctl-store", "AutomaticUpdates", "BootLoaders",
                "Releases", "Sysroots", "ObjectPatches", "ObjectStorage", "ObjectFormats", "Checksums", "Signatures",
                "TrustMetadata", "LinuxSystem", system,
            ], path: "Tests/HostTests", swiftSettings: settings),
    ]
)
