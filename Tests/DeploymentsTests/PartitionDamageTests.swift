import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What people and accidents do to a host with a boot partition: `status` tells, and what can still be changed is.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionDamageTests {
    private let host: PartitionFixture

    init() throws { host = try PartitionFixture.running() }

    private func entry(_ name: String) -> FilePath {
        host.paths.bootPartition.appending("loader/entries/\(name).conf")
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try Files.read(entry(name), limit: 9999), as: UTF8.self)
    }

    private func write(_ name: String, _ text: String) throws {
        let file = try Descriptor(
            opening: entry(name).string, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.write(Array(text.utf8))
    }

    /// The next upgrade works, and is what boots.
    private func expectUpgradable(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try host.deploy("3")
        try host.finalize()
        #expect(host.report.defaultDeployment?.version == "3", sourceLocation: sourceLocation)
    }

    @Test("the boot partition is not mounted") func unmounted() throws {
        try host.deploy("3")
        try host.unmount()
        defer { do { try host.mount() } catch {} }
        #expect(host.problems == [.unmountedPartition])
        // As far as anybody can tell.
        #expect(host.report.listed.map(\.version) == ["2", "1", "3"] || host.versions == ["2", "1", "[3]"])
        #expect(host.report.booted?.version == "2")
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl"])
        #expect(throws: DeploymentError.self) { try host.change() }
        #expect(throws: DeploymentError.self) { try host.finalize() }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl"]) == before)
        #expect(try Files.names(in: host.paths.bootPartition) == [])
    }

    @Test("an entry is truncated: the loader passes it over, and so do we") func truncated() throws {
        try write("host-000002", "title x\n")
        #expect(host.problems == [.damagedBootEntry, .unlistedFolder])
        #expect(host.report.defaultDeployment?.version == "1")
        #expect(host.report.booted?.version == "2")
        try expectUpgradable()
    }

    @Test("an entry is empty, another is no entry at all") func empty() throws {
        try write("host-000002", "")
        try write("windows", "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\n")
        #expect(host.problems == [.damagedBootEntry, .unlistedFolder])
        try expectUpgradable()
        #expect(try text("windows").contains("Windows"))
    }

    @Test("an entry is edited by hand: arguments of its own boot, and are told") func edited() throws {
        try write("host-000002", try text("host-000002").replacing("options ", with: "options debug "))
        #expect(host.problems == [])
        #expect(host.report.defaultDeployment?.kernelArguments == ["debug"])
        try expectUpgradable()
        // As an operator would expect of what they have added.
        #expect(host.report.defaultDeployment?.kernelArguments == ["debug"])
    }

    @Test("an entry is there twice, with a counter and without") func duplicated() throws {
        try write("host-000002+2-1", try text("host-000002"))
        #expect(host.problems == [.duplicateBootEntry])
        #expect(host.versions == ["2", "1"])
        try expectUpgradable()
    }

    @Test("an entry is copied to a higher number") func copied() throws {
        try write("host-000009", try text("host-000001"))
        #expect(host.report.defaultDeployment?.version == "1")
        #expect(host.problems.contains(.duplicateBootEntry))
        try expectUpgradable()
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.report.booted?.version == "2")
    }

    @Test("an entry's link is missing: repair makes it anew") func missingLink() throws {
        let name = try #require(host.report.defaultDeployment?.name)
        try Files.remove(host.paths.bootLink(of: name))
        #expect(host.problems == [.danglingBootLink])
        let mended = try SysrootRepair.run(root: host.root, command: "hostctl verify", host: host.host) {
            $0.run { Issue.record("\($0): \($1)") }
        }
        #expect(mended.count == 1)
        try host.expectHealthy()
    }

    @Test("an entry's kernel is missing: repair copies it") func missingKernel() throws {
        let folder = try #require(try host.loader.listing().entries.first?.kernelFolder)
        try Files.remove(host.loader.partition.own.appending(folder).appending("vmlinuz"))
        #expect(host.problems == [.missingKernel])
        _ = try SysrootRepair.run(root: host.root, command: "hostctl verify", host: host.host) {
            $0.run { Issue.record("\($0): \($1)") }
        }
        try host.expectHealthy()
    }

    @Test("a deployment's folder is removed behind our back") func missingFolder() throws {
        let lost = try #require(host.report.rollback)
        try Files.removeTree(host.paths.folder(of: lost.name))
        try Files.remove(host.paths.origin(of: lost.name))
        #expect(host.problems.contains(.missingFolder))
        #expect(throws: DeploymentError.self) { try host.change("hostctl rollback").rollback() }
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.versions == ["2"])
        try host.expectHealthy()
        try expectUpgradable()
    }

    @Test("the link of stock tools, /boot/loader, is missing") func missingMirror() throws {
        try Files.remove(host.paths.loader)
        #expect(host.versions == ["2", "1"])
        #expect(host.problems == [.damagedMirror])
        try expectUpgradable()
        #expect(host.problems == [])
    }

    @Test("boot.json is damaged: told, and nothing is changed") func damagedConfiguration() throws {
        try host.fixture.write("ostree/hostctl/boot.json", "{")
        #expect(host.versions == ["2", "1"])
        #expect(host.problems == [.unreadableState])
        #expect(throws: SysrootError.self) { try host.change() }
    }

    @Test("staged.json is damaged: told, and nothing is changed") func damagedStaged() throws {
        try host.deploy("3")
        try host.fixture.write("ostree/hostctl/staged.json", "{\"format\":1}")
        #expect(host.versions == ["2", "1"])
        #expect(host.problems.contains(.unreadableState))
        #expect(throws: SysrootError.self) { try host.change() }
    }

    @Test("kernel arguments with a newline are refused, and quotes are kept") func arguments() throws {
        #expect(throws: (any Error).self) {
            try host.deploy(PartitionFixture.image("3"), arguments: ["a=b\nlinux /evil"])
        }
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
        try host.deploy(PartitionFixture.image("3"), arguments: ["a=\"b c\""])
        try host.finalize()
        #expect(host.report.defaultDeployment?.kernelArguments == ["a=\"b c\""])
    }

    @Test("every entry is gone: the next upgrade makes one") func noEntries() throws {
        try Files.removeTree(host.paths.bootPartition.appending("loader"))
        #expect(host.versions == [])
        #expect(host.problems.contains(.missingBootEntries))
        #expect(host.report.booted?.version == "2")
        try host.deploy("3")
        try host.finalize()
        #expect(host.report.defaultDeployment?.version == "3")
    }

    @Test("every entry is gone: repair makes them anew, in the order of the list of stock tools") func mendEntries()
        throws
    {
        // As at each boot: it was good.
        try SysrootChange.refreshStatus(host.paths, command: "hostctl boot record", host: host.host)
        try Files.removeTree(host.paths.bootPartition.appending("loader"))
        let mended = try SysrootRepair.run(root: host.root, command: "hostctl verify", host: host.host) {
            $0.run { Issue.record("\($0): \($1)") }
        }
        #expect(mended.count == 2)
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("stock tools pin, clean up, deploy and undeploy: what we boot stays") func stockCommands() throws {
        func ostree(_ arguments: String...) throws {
            let sysroot = "--sysroot=\(host.root)"
            let result = try run(
                ["/usr/bin/ostree", "admin"] + arguments.prefix(1) + [sysroot] + arguments.dropFirst())
            #expect(result.status == 0, "\(result.errorText)")
        }
        try host.deploy("3")
        let before = host.versions
        try ostree("pin", "0")
        try ostree("cleanup")
        #expect(host.versions == before && host.problems == [])
        _ = try PartitionFixture.image("9").commit(to: host.fixture.store)
        try ostree("deploy", "--os=host", TestImage.ref)
        // The new one is theirs: listed there, booted by nobody.
        #expect(host.versions == before)
        #expect(host.problems == [.unlistedFolder])
        #expect(host.report.allProblems.count == 1)
        try ostree("cleanup")
        #expect(host.versions == before)
        try ostree("undeploy", "0")
        #expect(host.versions == before && host.problems == [])
        try host.finalize()
        #expect(host.report.defaultDeployment?.version == "3")
        // What an operator undeploys is gone; the entry says so until the next cleanup.
        let stock = try host.fixture.stockStatus()
        let oldest = try #require(host.report.listed.last)
        let index = try #require(stock.firstIndex { $0.hasPrefix(oldest.name.folderName) })
        try ostree("undeploy", "\(index)")
        #expect(host.problems.contains(.missingFolder))
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.versions == ["3+3", "2"])
        try host.expectHealthy()
    }
}
