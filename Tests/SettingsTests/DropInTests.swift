import LinuxSystem
import Settings
import SystemPackage
import TestSupport
import Testing

private let schema = SettingsSchema(["Image": ["Suite", "Packages"]])

@Suite("drop-ins") struct DropInTests {
    @Test("drop-ins come after the file, in byte order of their names")
    func order() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main\nPackages=a")
        try folder.write("image.conf.d/20-b.conf", text: "[Image]\nSuite=second\nPackages=c")
        try folder.write("image.conf.d/10-a.conf", text: "[Image]\nSuite=first\nPackages=b")
        let file = try SettingsFile(reading: folder.path.appending("image.conf"), schema: schema)
        #expect(file.string("Suite", in: "Image") == "second")
        #expect(try file.words("Packages", in: "Image") == ["a", "b", "c"])
    }

    @Test("an editor's backup and a hidden file are no drop-ins")
    func otherNames() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main")
        try folder.write("image.conf.d/10-a.conf~", text: "[Image]\nSuite=backup")
        try folder.write("image.conf.d/.10-a.conf", text: "[Image]\nSuite=hidden")
        #expect(
            try SettingsFile(reading: folder.path.appending("image.conf"), schema: schema)
                .string("Suite", in: "Image") == "main")
    }

    @Test("a drop-in of the same name in a higher folder replaces the lower one, an empty one masks it")
    func precedence() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main")
        try folder.write("usr/10.conf", text: "[Image]\nSuite=vendor")
        try folder.write("usr/20.conf", text: "[Image]\nPackages=vendor")
        try folder.write("etc/10.conf", text: "[Image]\nSuite=admin")
        try folder.write("etc/20.conf", text: "")
        let file = try SettingsFile(
            reading: folder.path.appending("image.conf"),
            dropIns: [folder.path.appending("usr"), folder.path.appending("etc")], schema: schema)
        #expect(file.string("Suite", in: "Image") == "admin")
        #expect(try file.words("Packages", in: "Image") == nil)
    }

    @Test("a link that leads nowhere makes no other setting unreadable, and masks the file that it replaces")
    func danglingLink() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main")
        try folder.write("usr/10.conf", text: "[Image]\nSuite=vendor")
        try folder.write("etc/20.conf", text: "[Image]\nPackages=a")
        try Files.replaceLink(folder.path.appending("etc/10.conf"), target: "nowhere")
        let file = try SettingsFile(
            reading: folder.path.appending("image.conf"),
            dropIns: [folder.path.appending("usr"), folder.path.appending("etc")], schema: schema)
        #expect(file.string("Suite", in: "Image") == "main")
        #expect(try file.words("Packages", in: "Image") == ["a"])
    }

    @Test("a mistake in a drop-in is named with the drop-in's line")
    func placeOfMistake() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main")
        let dropIn = try folder.write("image.conf.d/10.conf", text: "[Image]\n\nPakages=a")
        let error = #expect(throws: SettingsError.self) {
            try SettingsFile(reading: folder.path.appending("image.conf"), schema: schema)
        }
        #expect(error?.place == "\(dropIn):3")
        #expect(error?.advice == "did you mean 'Packages'?")
    }

    @Test("a drop-in has to name its section itself")
    func sectionDoesNotCarryOver() throws {
        let folder = try TemporaryFolder()
        try folder.write("image.conf", text: "[Image]\nSuite=main")
        try folder.write("image.conf.d/10.conf", text: "Suite=other")
        #expect(throws: SettingsError.self) {
            try SettingsFile(reading: folder.path.appending("image.conf"), schema: schema)
        }
    }

    @Test("a missing file is an error, unless it is optional")
    func missingFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("image.conf")
        #expect(throws: SystemError.self) { try SettingsFile(reading: path, schema: schema) }
        #expect(try SettingsFile(reading: path, required: false, schema: schema).string("Suite", in: "Image") == nil)
    }

    @Test("a file that is not UTF-8 is refused")
    func notText() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("image.conf")
        try Files.replace(path, with: Array("[Image]\nSuite=".utf8) + [0xFF, 0xFE])
        let error = #expect(throws: SettingsError.self) { try SettingsFile(reading: path, schema: schema) }
        #expect(error?.problem == "the file is not UTF-8 text")
    }

    @Test("an override counts last, adds to lists and can empty them")
    func overrides() throws {
        var file = try SettingsFile(parsing: "[Image]\nSuite=main\nPackages=a", place: "image.conf", schema: schema)
        try file.add("Suite = bookworm", section: "Image", option: "--set")
        try file.add("Packages=b", section: "Image", option: "--set")
        #expect(file.string("Suite", in: "Image") == "bookworm")
        #expect(try file.words("Packages", in: "Image") == ["a", "b"])
        try file.add("Packages=", section: "Image", option: "--set")
        #expect(try file.words("Packages", in: "Image") == [])
    }

    @Test(
        "a mistyped override is named as it was typed",
        arguments: [
            ("Sute=bookworm", "did you mean 'Suite'?"), ("bookworm", "for example --set Suite=bookworm"),
        ])
    func wrongOverride(assignment: String, advice: String) throws {
        var file = try SettingsFile(parsing: "", place: "image.conf", schema: schema)
        let error = #expect(throws: SettingsError.self) {
            try file.add(assignment, section: "Image", option: "--set")
        }
        #expect(error?.place == "--set \(assignment)")
        #expect(error?.advice == advice)
    }
}
