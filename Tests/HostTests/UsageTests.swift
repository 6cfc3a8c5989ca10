import ObjectStorage
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// The command line itself: mistakes, help, JSON.
@Suite struct UsageTests {
    private func hostctl(_ arguments: [String]) throws -> ProcessResult { try run([BuiltProducts.hostctl] + arguments) }

    @Test(
        "a mistake on the command line exits with 2 and names the verb's usage",
        arguments: [
            ["unknown"], ["--unknown"], ["status", "--unknown"], ["status", "extra"], ["upgrade", "--unknown"],
            ["upgrade", "--check", "--download-only"], ["upgrade", "--check", "--from-downloaded"],
            ["upgrade", "extra"],
            ["upgrade", "--wait", "soon"], ["upgrade", "--wait", "-1"], ["upgrade", "--progress", "loud"],
            ["upgrade", "--version"], ["switch"], ["switch", "a", "b"], ["rollback", "1"], ["pin"], ["pin", "first"],
            ["unpin"], ["install"], ["install", "sysroot"], ["install", "sysroot", "/nowhere"],
            ["install", "sysroot", "/nowhere", "--origin", "x", "--channel", "y"], ["image"], ["image", "build"],
            ["image", "inspect"], ["release"], ["release", "init"], ["release", "publish", "o", "r", "--store", "s"],
            ["release", "publish", "o", "r", "--store", "s", "--sign-command", "x"], ["release", "list"],
            ["release", "prune", "o", "--key", "k"], ["release", "prune", "o", "--keep", "0", "--key", "k"], ["key"],
            ["key", "generate"], ["key", "show"], ["key", "show", "a", "b"], ["diff", "a", "b", "c"],
            ["diff", "--store", "s"], ["diff", "a", "b", "--store", "s", "--sysroot", "r"], ["history", "extra"],
            ["history", "--limit", "0"], ["history", "--limit", "all"], ["doctor", "extra"], ["upgrade", "--from"],
            ["upgrade", "--from", "f", "--from-downloaded"],
        ])
    func usage(_ arguments: [String]) throws {
        let result = try hostctl(arguments)
        expect(result, 2)
        #expect(result.errorText.lowercased().contains("usage: hostctl"), "\(result.errorText)")
        #expect(result.text.isEmpty)
    }

    @Test("a mistake in a command with --json is JSON, too")
    func usageJSON() throws {
        let result = try hostctl(["upgrade", "--json", "--unknown"])
        expect(result, 2)
        #expect(try result.jsonError.integer("exit_code") == 2)
        #expect(try result.jsonError.string("category") == "usage")
    }

    @Test("a failure with --json is one JSON object on standard error, and nothing on standard output")
    func failureJSON() throws {
        let host = try HostFixture.prepared()
        let result = try host.onSysroot("upgrade", "--version", "1", "--json")
        expect(result, 3)
        #expect(result.text.isEmpty)
        let failure = try result.jsonError
        #expect(try failure.integer("exit_code") == 3)
        #expect(try failure.string("category") == "untrusted")
        #expect(try failure.string("error").contains("older"))
        #expect(try failure.string("advice").contains("--allow-downgrade"))
    }

    @Test("every verb's help has an example", arguments: try Verbs.all())
    func help(_ verb: [String]) throws {
        let result = try hostctl(verb + ["--help"])
        expect(result, 0)
        #expect(result.text.contains("Example"), "\(result.text)")
        #expect(result.text.contains("USAGE: hostctl \(verb.joined(separator: " "))"))
        #expect(result.errorText.isEmpty)
    }

    @Test("the help of a group lists its verbs", arguments: [[], ["install"], ["image"], ["release"], ["key"]])
    func groups(_ group: [String]) throws {
        let result = try hostctl(group + ["--help"])
        expect(result, 0)
        for verb in try Verbs.all() where Array(verb.dropLast()) == group {
            #expect(result.text.contains("\n  \(verb[verb.count - 1]) "))
        }
    }

    @Test("--version is one line, the same from both executables")
    func version() throws {
        let version = try hostctl(["--version"])
        expect(version, 0)
        #expect(version.text.split(separator: "\n").count == 1)
        #expect(try run([BuiltProducts.hostctlStore, "--version"]).text == version.text)
    }

    @Test("an answer that cannot be written is a failure", arguments: ["status", "upgrade"])
    func fullDevice(_ verb: String) throws {
        let host = try HostFixture.prepared()
        let command = "'\(BuiltProducts.hostctl)' \(verb) --sysroot '\(host.root)' > /dev/full"
        let result = try run(["/bin/sh", "-c", command])
        expect(result, 4, "standard output")
    }

    @Test("an answer whose lines are written one by one is a failure when one is not, and none when nobody reads on")
    func lineBuffered() throws {
        let host = try HostFixture.prepared()
        let command = "stdbuf -oL '\(BuiltProducts.hostctl)' status --sysroot '\(host.root)'"
        expect(try run(["/bin/sh", "-c", "\(command) > /dev/full"]), 1, "standard output")
        let status = host.root.removingLastComponent().appending("exit-status")
        let pipe = "(sleep 0.1; \(command); echo $? >'\(status)') | true; cat '\(status)'"
        #expect(try run(["/bin/sh", "-c", pipe]).text == "0\n")
    }
}

/// The command line's own account of its verbs.
enum Verbs {
    /// All that are shown in the help, as words.
    static func all() throws -> [[String]] {
        let dump = try run([BuiltProducts.hostctlStore, "--experimental-dump-help"]).output
        return verbs(try JSONValue(strict: dump, what: "the dumped help")["command"] ?? .null)
    }

    private static func verbs(_ command: JSONValue) -> [[String]] {
        let children = command["subcommands"]?.array?.filter {
            $0["shouldDisplay"] != false && $0["commandName"] != "help"
        }
        guard let children, !children.isEmpty else { return [[]] }
        return children.flatMap { child in verbs(child).map { [child["commandName"]?.string ?? "?"] + $0 } }
    }
}
