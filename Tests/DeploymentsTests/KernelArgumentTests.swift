import SysrootFixtures
import Sysroots
import Testing

@testable import Deployments

@Suite struct KernelArgumentTests {
    private let host: DeploymentFixture

    init() throws { host = try DeploymentFixture() }

    private func image(_ version: String, _ toml: String) -> TestImage {
        var image = TestImage(version)
        image.kernelArguments = ["ro"]
        image.files["usr/lib/bootc/kargs.d/10-console.toml"] = toml
        return image
    }

    private func arguments() -> [String] { host.report.listed.first?.kernelArguments ?? [] }

    @Test("the image's and the host's go their own ways through updates")
    func update() throws {
        try host.deploy(image("1", "kargs = [\"console=ttyS0\", 'quiet'] # both\n"))
        #expect(arguments() == ["ro", "console=ttyS0", "quiet"])
        let changes = KernelArgumentChanges(
            appending: ["mine=\"a b\"", "mine=\"a b\""], deleting: ["quiet"], replacing: ["panic=30"])
        let report = try host.change().changeKernelArguments(changes)
        #expect(report.isChanged)
        #expect(report.arguments.map(\.text) == ["ro", "console=ttyS0", "panic=30", "mine=\"a b\""])
        #expect(report.arguments.map(\.origin) == [.image, .image, .local, .local])
        #expect(report.removed == ["quiet"])
        #expect(host.report.listed.map(\.name.serial) == [1, 0])
        try host.expectAgreement()
        try host.deploy(
            image("2", "match-architectures = [\"x86_64\"]\nkargs = [\n \"console=ttyS1\",\n \"quiet\",\n]\n"))
        #expect(arguments() == ["ro", "panic=30", "mine=\"a b\"", "console=ttyS1"])
        try host.deploy(image("3", "match-architectures = [\"aarch64\"]\nkargs = [\"console=ttyAMA0\"]\n"))
        #expect(arguments() == ["ro", "panic=30", "mine=\"a b\""])
        try host.expectAgreement()
    }

    @Test("asked for again, nothing is made")
    func again() throws {
        try host.deploy(image("1", "kargs = []"))
        for _ in 0..<2 {
            _ = try host.change().changeKernelArguments(
                KernelArgumentChanges(appending: ["mine"], deleting: ["nothing"], replacing: ["ro=2"]))
        }
        #expect(host.report.listed.map(\.name.serial) == [1, 0])
        #expect(arguments() == ["ro=2", "mine"])
    }

    @Test(
        "what no boot entry can hold, and what is hostctl's, is refused before anything is written",
        arguments: [
            "", "a\nb", "a\u{0}b", "a b", "a=\"b", "ostree=/x", "ostree", "=x", "init=/ostree/x", "a\tb",
        ])
    func refused(_ argument: String) throws {
        try host.deploy(image("1", "kargs = []"))
        let before = try host.fixture.snapshot()
        for changes in [
            KernelArgumentChanges(appending: [argument]), KernelArgumentChanges(deleting: [argument]),
            KernelArgumentChanges(replacing: [argument]),
        ] {
            #expect(throws: DeploymentError.self) { try host.change().changeKernelArguments(changes) }
        }
        #expect(try host.fixture.snapshot() == before)
    }

    @Test("a name that several arguments have is ambiguous")
    func ambiguous() throws {
        try host.deploy(image("1", "kargs = [\"console=tty0\", \"console=ttyS0\"]"))
        #expect(throws: DeploymentError.ambiguousKernelArgument("console", found: ["console=tty0", "console=ttyS0"])) {
            try host.change().changeKernelArguments(KernelArgumentChanges(deleting: ["console"]))
        }
        _ = try host.change().changeKernelArguments(KernelArgumentChanges(deleting: ["console=tty0"]))
        #expect(arguments() == ["ro", "console=ttyS0"])
    }

    @Test(
        "a file of kargs.d that cannot be understood is refused, not passed over",
        arguments: [
            "", "kargs = \"quiet\"", "kargs = [quiet]", "kargs = [\"quiet\"", "kargs = [\"a b\"]", "karg = []",
            "kargs = []\nkargs = []", "[section]\nkargs = []", "kargs = [\"a\"] kargs = []", "kargs = [\"a\\q\"]",
            "kargs = [\"ostree=/x\"]", "kargs = [\"a\nb\"]", "kargs = [\"\"\"a\"\"\"]", "kargs = [1]",
            "kargs = [\"a\" \"b\"]", "kargs = [\"a\\n\"]",
        ])
    func malformed(_ text: String) throws {
        #expect(throws: DeploymentError.self) { try KernelArgumentFile(text, what: "x.toml") }
    }

    @Test("what TOML allows is understood")
    func understood() throws {
        let text = "# c\r\nkargs=[ 'a\\b', \"c\\u0041\" , # d\n\n\"e=\\\"f g\\\"\", ]\r\nmatch-architectures = [] # x"
        let file = try KernelArgumentFile(text, what: "x.toml")
        #expect(file.arguments == ["a\\b", "cA", "e=\"f g\""])
        #expect(file.architectures == [])
    }
}
