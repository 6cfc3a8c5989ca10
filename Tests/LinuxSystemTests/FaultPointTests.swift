import Glibc
import TestSupport
import Testing

@Suite struct FaultPointTests {
    @Test("a fault point kills at the visit that was asked for", arguments: [("", 1), (":1", 1), (":3", 3), (":x", 1)])
    func counts(suffix: String, visit: Int) throws {
        let result = try Trial.run("reach", "", "5", at: "trial.place\(suffix)")
        #expect(result.end == .signaled(SIGKILL))
        #expect(result.text == (1...visit).map { "\($0)\n" }.joined())
    }

    @Test(
        "other names, later visits and no name at all let the process live",
        arguments: ["trial", "trial.place:6", "", nil])
    func lives(point: String?) throws {
        let result = try Trial.run("reach", "", "5", at: point)
        #expect(result.status == 0)
        #expect(result.text == "1\n2\n3\n4\n5\n")
    }
}
