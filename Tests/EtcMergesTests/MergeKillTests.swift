import EtcMerges
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct MergeKillTests {
    @Test(
        "killed anywhere, `etc` is the old or the merged one, and the next turn completes it",
        arguments: [
            "etc.before-aside", "etc.before-flush", "etc.before-switch", "etc.after-switch", "etc.before-removal",
            "etc.after-removal",
        ])
    func killed(_ point: String) throws {
        let etc = try EtcFixture()
        try etc.write("pristine", "2", in: etc.new, etc.merged)
        try etc.write("sub/mine", "mine", in: etc.live)
        let command = [
            BuiltProducts.folder.appending("etc-trial").string, etc.old.string, etc.live.string, etc.deployment.string,
        ]
        let killed = try run(command, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(killed.end == .signaled(9))
        let names = try Files.names(in: etc.merged)
        #expect(names == ["pristine"] || names == ["pristine", "sub"])
        #expect(try etc.result("pristine") == "2")
        #expect(try run(command).status == 0)
        #expect(try Files.names(in: etc.merged) == ["pristine", "sub"])
        #expect(try etc.result("sub/mine") == "mine")
        #expect(try Files.names(in: etc.deployment) == ["etc", "usr"])
    }

    @Test("a deployment that has lost its `etc` gets one")
    func lost() throws {
        let etc = try EtcFixture()
        try etc.write("pristine", "2", in: etc.new)
        try etc.merge()
        #expect(try Files.names(in: etc.merged) == ["pristine"])
    }
}
