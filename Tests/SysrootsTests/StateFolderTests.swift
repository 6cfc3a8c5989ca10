import Checksums
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Sysroots

/// Which folder is a deployment's /var. Where hostctl and the initramfs disagree, one of them takes it for unused.
@Suite struct StateFolderTests {
    private static let places = "../../../deploy/host"
    private static let script = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("images/lean-host/rootfs/usr/lib/hostctl/initramfs/init")

    private static let rows: [(String?, String)] = [
        (nil, "var"), ("\(places)/var", "var"), ("\(places)/var.before-reset-2", "var.before-reset-2"),
        // Not there yet, no folder, or a link to one.
        ("\(places)/var.gone", "var"), ("\(places)/var.file", "var"), ("\(places)/var.link", "var"),
        // Names that no reset gives, of folders that are there.
        ("\(places)/variable", "var"), ("\(places)/var.X", "var"), ("\(places)/var.a b", "var"),
        ("\(places)/var.\n", "var"), ("\(places)/var.before-reset-2\n", "var"), ("\(places)/var.ü", "var"),
        ("\(places)/deploy", "var"), ("\(places)/", "var"), ("\(places)/..", "var"), (places, "var"),
        // Another way to a folder that would do, and ways elsewhere.
        ("\(places)/var.before-reset-2/", "var"), ("\(places)/./var.before-reset-2", "var"),
        ("\(places)/var.before-reset-2/../deploy", "var"), ("\(places)/../other/var.x", "var"),
        ("../../../deploy/other/var.x", "var"), ("/etc", "var"), ("var.before-reset-2", "var"),
    ]

    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    @Test("hostctl and the initramfs follow the same links to a /var, and none that leads elsewhere", arguments: rows)
    func rule(target: String?, folder: String) throws {
        let paths = SysrootPaths(root: temporary.path)
        let name = DeploymentName(stateroot: "host", checksum: SHA256.hash(Array("1".utf8)), serial: 0)
        for made in ["var", "var.before-reset-2", "variable", "var.X", "var.a b", "var.\n", "var.ü"] {
            try Files.makeFolder(paths.deploy.appending("host").appending(made))
        }
        try Files.makeFolder(paths.deploy.appending("other/var.x"))
        try Files.makeFolder(paths.folder(of: name))
        try Files.replace(paths.deploy.appending("host/var.file"), with: [])
        try Files.makeLink(paths.deploy.appending("host/var.link"), target: "var.before-reset-2")
        let link = paths.stateLink(of: name)
        try Files.makeFolder(link.removingLastComponent())
        if let target { try Files.makeLink(link, target: target) }
        #expect(StateFolders(paths).folder(of: name) == folder)
        let code = "eval \"$(sed -n '/^state_folder() {/,/^}/p' '\(Self.script)')\"; state_folder \"$1\""
        // The initramfs has busybox's shell.
        let shells = [["/bin/sh"], ["/bin/busybox", "sh"]].filter { Files.exists(FilePath($0[0])) }
        for shell in shells {
            let result = try run(shell + ["-c", code, "sh", paths.folder(of: name).string])
            #expect(result.text == "\(paths.deploy)/host/\(folder)\n", "\(shell): \(result.errorText)")
        }
    }
}
