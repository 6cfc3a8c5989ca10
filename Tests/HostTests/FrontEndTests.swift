import Glibc
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// The light front end: what it loads, and where it finds the other executable.
@Suite struct FrontEndTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func copy(_ path: String, to relative: String) throws {
        let target = folder.path.appending(relative)
        try Files.makeFolder(target.removingLastComponent())
        let result = try run(["/bin/cp", "-L", path, target.string])
        guard result.status == 0 else { throw CommandFailed(command: "cp", errors: result.errorText) }
    }

    /// A folder with nothing but the executables and their libraries: no /proc, no /dev, no /etc.
    private func bareRoot(_ programs: String...) throws {
        for program in programs {
            try copy(program, to: FilePath(program).lastComponent?.string ?? "")
            for line in try run(["/usr/bin/ldd", program]).text.split(separator: "\n") {
                let path = line.split { $0 == " " || $0 == "\t" }.first { $0.hasPrefix("/") }
                if let path { try copy(String(path), to: String(path.drop { $0 == "/" })) }
            }
        }
    }

    private func inBareRoot(_ arguments: String...) throws -> ProcessResult { try inBareRoot(arguments) }

    private func inBareRoot(_ arguments: [String]) throws -> ProcessResult {
        try run(["/usr/sbin/chroot", folder.path.string] + arguments)
    }

    @Test("without /proc the arguments still count: status")
    func bareStatus() throws {
        try bareRoot(BuiltProducts.hostctl)
        // Often: the concurrency runtime, once started, ends a process without /proc only every second time.
        for _ in 1...8 {
            expect(try inBareRoot("/hostctl", "status", "--sysroot", "/nowhere"), 1, "/nowhere is not a sysroot")
            expect(try inBareRoot("/hostctl", "status", "--unknown"), 2, "--unknown")
            expect(try inBareRoot("/hostctl", "--version"), 0)
            expect(try inBareRoot("/hostctl", "upgrade"), 1, "hostctl-store")
        }
    }

    @Test("what each boot asks first needs no store, unless a change was cut off")
    func resumption() throws {
        try bareRoot(BuiltProducts.hostctl)
        let resume = ["/hostctl", "finalize", "--resume"]
        expect(try inBareRoot(resume), 1, "hostctl-store")
        try folder.write("ostree/hostctl/boot.json", text: "{}")
        #expect(try inBareRoot(resume).text == "nothing is staged\n")
        expect(try inBareRoot(resume + ["--wait", "60"]), 0)
        for others in [["--wait"], ["--wait", "x"], ["--json"], ["--sysroot", "/"], ["--wait", "60", "--now"]] {
            expect(try inBareRoot(resume + others), 1, "hostctl-store")
        }
        for file in ["pending.json", "staged.json"] {
            try folder.write("ostree/hostctl/\(file)", text: "{")
            expect(try inBareRoot(resume), 1, "hostctl-store")
            try Files.remove(folder.path.appending("ostree/hostctl/\(file)"))
        }
    }

    @Test("what units run while a boot waits for them needs no store; the rest of boot does")
    func bootVerbs() throws {
        try bareRoot(BuiltProducts.hostctl)
        for verb in ["record", "mark-good", "mark-bad"] {
            expect(try inBareRoot("/hostctl", "boot", verb, "--sysroot", "/nowhere"), 1, "/nowhere is no sysroot")
            expect(try inBareRoot("/hostctl", "boot", verb, "--unknown"), 2, "--unknown")
        }
        expect(try inBareRoot("/hostctl", "boot", "check", "--unknown"), 2, "--unknown")
        for others in [[], ["status"], ["failed"], ["grow"], ["--help"]] {
            expect(try inBareRoot(["/hostctl", "boot"] + others), 1, "hostctl-store")
        }
    }

    @Test("without /proc the arguments still count: the verbs of hostctl-store")
    func bareStore() throws {
        try bareRoot(BuiltProducts.hostctl, BuiltProducts.hostctlStore)
        for program in ["/hostctl", "/hostctl-store"] {
            for _ in 1...8 {
                expect(try inBareRoot(program, "pin", "0", "--sysroot", "/nowhere"), 1, "/nowhere is not a sysroot")
                expect(try inBareRoot(program, "upgrade", "--sysroot", "/nowhere"), 1, "/proc is not mounted")
                expect(try inBareRoot(program, "upgrade", "--unknown"), 2, "--unknown")
                expect(try inBareRoot(program, "unknown"), 2, "unknown")
            }
        }
    }

    @Test("hostctl-store is found beside the executable that a link leads to")
    func throughLink() throws {
        let link = folder.path.appending("tool")
        #expect(symlink(BuiltProducts.hostctl, link.string) == 0)
        expect(try run([link.string, "upgrade", "--unknown"]), 2, "--unknown")
        let path = "\(folder.path):/usr/bin:/bin"
        expect(try run(["/usr/bin/env", "PATH=\(path)", "tool", "upgrade", "--unknown"]), 2, "--unknown")
        expect(try run(["/usr/bin/env", "-C", folder.path.string, "./tool", "upgrade", "--unknown"]), 2, "--unknown")
    }

    @Test("without hostctl-store the front end says so, and status works")
    func missingStore() throws {
        try copy(BuiltProducts.hostctl, to: "hostctl")
        let program = folder.path.appending("hostctl").string
        expect(try run([program, "upgrade"]), 1, "\(folder.path)/hostctl-store")
        expect(try run([program, "status", "--sysroot", folder.path.string]), 1, "is not a sysroot")
        let json = try run([program, "upgrade", "--json"])
        #expect(try json.jsonError.integer("exit_code") == 1)
    }

    @Test(
        "what only reads loads no libostree, and none of what comes with it", arguments: ["status", "diff", "history"])
    func libraries(_ verb: String) throws {
        let host = try HostFixture.prepared()
        let result = try host.onSysroot(verb, environment: ["LD_DEBUG": "files"])
        expect(result, 0, "calling init: ")
        for library in ["libostree", "libglib", "libgio", "libcurl", "libgpgme"] {
            #expect(!result.errorText.contains(library), "\(library)")
        }
    }

    @Test("status is the same from both executables")
    func same() throws {
        let host = try HostFixture.prepared()
        let arguments = ["status", "--json", "--sysroot", host.root.string]
        #expect(try run([BuiltProducts.hostctlStore] + arguments).text == host.succeed(arguments).text)
    }

    @Test("a closed standard output or error is no reason to fail", arguments: [">&-", "2>&-", "<&-"])
    func closed(_ redirection: String) throws {
        let host = try HostFixture.prepared()
        let command = "'\(BuiltProducts.hostctl)' upgrade --sysroot '\(host.root)' \(redirection)"
        _ = try run(["/bin/sh", "-c", command])
        try host.expectAgreement(["3", "2"])
    }
}
