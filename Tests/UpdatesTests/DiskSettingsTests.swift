import BootLoaders
import Disks
import LinuxSystem
import Settings
import Sysroots
import SystemPackage
import TestSupport
import Testing
import Updates

@Suite("the file of install disk --config") struct DiskSettingsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func settings(_ text: String) throws -> DiskSettings {
        try DiskSettings(reading: try folder.write("host.conf", text: text))
    }

    private func request(_ text: String) throws -> DiskRequest {
        let settings = try settings(text)
        let state = SysrootState(origin: "https://updates.example.com", channel: "a/b", architecture: "x86_64")
        var request = DiskRequest(
            release: InstallRequest(following: state, stateroot: settings.stateroot, trustedKeys: []))
        request.release.kernelArguments = ["first"]
        try settings.apply(to: &request)
        return request
    }

    @Test("an empty file leaves everything as it is without one")
    func empty() throws {
        let request = try request("")
        #expect(request.host == HostIdentity())
        #expect(request.loader == .systemdBoot && request.fileSystem == .ext4 && request.tries == 3)
        #expect(request.bootSize == 256 << 20 && request.rootSize == nil)
        #expect(request.release.stateroot == "host" && request.release.kernelArguments == ["first"])
        #expect(throws: SettingsError.self) { try settings("").origin() }
        #expect(throws: SettingsError.self) { try settings("").channel() }
    }

    @Test("[Install] says how the disk becomes")
    func install() throws {
        let text = """
            [Install]
            Origin=https://updates.example.com
            Channel=lean-host/stable
            Version=3
            TrustedKeys=one.pub two.pub
            Stateroot=lean
            BootLoader=grub
            FileSystem=btrfs
            Size=8G
            BootSize=300M
            RootSize=4g
            Tries=5
            KernelArguments=quiet console=ttyS0,115200n8
            KernelArguments="with=a space"
            """
        let settings = try settings(text)
        #expect(try settings.origin() == "https://updates.example.com")
        #expect(try settings.channel() == "lean-host/stable")
        #expect(settings.version == "3")
        #expect(try settings.trustedKeys() == ["one.pub", "two.pub"])
        #expect(try settings.size() == Int64(8) << 30)
        let request = try request(text)
        #expect(request.release.stateroot == "lean")
        #expect(request.loader == .grub && request.fileSystem == .btrfs && request.tries == 5)
        #expect(request.bootSize == 300 << 20)
        #expect(request.rootSize == Int64(4) << 30)
        #expect(
            request.release.kernelArguments == ["first", "quiet", "console=ttyS0,115200n8", "with=a space"])
    }

    @Test(
        "values of [Install] that cannot be meant are refused",
        arguments: [
            "Tries=0", "Tries=10", "Tries=-1", "Tries=1000", "Tries=1.5", "Tries=many", "BootLoader=lilo",
            "FileSystem=vfat", "BootSize=0", "BootSize=-1", "RootSize=4X", "RootSize=M", "Nothing=1",
        ])
    func refusedInstall(_ line: String) {
        #expect(throws: SettingsError.self) { try request("[Install]\n\(line)\n") }
    }

    @Test("host names", arguments: ["host", "a", "Host-1.example.com", "1st", String(repeating: "x", count: 64)])
    func hostname(_ name: String) throws {
        #expect(try request("[Host]\nHostname=\(name)\n").host.hostname == name)
    }

    @Test(
        "what is no host name",
        arguments: [
            "-a", "a-", "a.-b", "a..b", ".a", "a.", "a_b", "a b", "h\u{e4}", "a/b", String(repeating: "x", count: 65),
        ])
    func refusedHostname(_ name: String) {
        #expect(throws: SettingsError.self) { try request("[Host]\nHostname=\(name)\n") }
    }

    @Test("root's password is a hash and nothing else")
    func passwordHash() throws {
        for hash in ["$6$salt$hash", "$y$j9T$salt$hash./"] {
            #expect(try request("[Host]\nPasswordHash=\(hash)\n").host.passwordHash == hash)
        }
        for text in ["secret", "$6$half", "$6$a:b$c", "6$salt$hash$", "$6$sa lt$hash"] {
            #expect(throws: SettingsError.self) { try request("[Host]\nPasswordHash=\(text)\n") }
        }
    }

    @Test("keys are the lines of files that are neither empty nor comments")
    func keys() throws {
        let one = try folder.write("one", text: "# mine\nssh-ed25519 AAAA one\n\nssh-rsa BBBB two words\n")
        let two = try folder.write("two", text: "ssh-ed25519 CCCC")
        let request = try request("[Host]\nSSHKeyFiles=\(one) \(two)\n")
        #expect(request.host.keys == ["ssh-ed25519 AAAA one", "ssh-rsa BBBB two words", "ssh-ed25519 CCCC"])
        #expect(throws: SystemError.self) { try self.request("[Host]\nSSHKeyFiles=\(folder.path)/none\n") }
    }

    @Test("users, each of a section of its own")
    func users() throws {
        let key = try folder.write("key", text: "ssh-ed25519 AAAA admin\n")
        let request = try request(
            """
            [User]
            Name=admin
            PasswordHash=$6$salt$hash
            SSHKeyFiles=\(key)
            Groups=sudo adm

            [User]
            Name=web-2_x
            """)
        var admin = HostIdentity.User(name: "admin")
        admin.passwordHash = "$6$salt$hash"
        admin.keys = ["ssh-ed25519 AAAA admin"]
        admin.groups = ["sudo", "adm"]
        #expect(request.host.users == [admin, HostIdentity.User(name: "web-2_x")])
    }

    @Test(
        "what is no user's name",
        arguments: ["Name=Admin", "Name=1st", "Name=-a", "Name=a.b", "Name=a:b", "Name=", "Groups=sudo"])
    func refusedUser(_ line: String) {
        #expect(throws: SettingsError.self) { try request("[User]\n\(line)\n") }
        #expect(throws: SettingsError.self) { try request("[User]\nName=\(String(repeating: "a", count: 32))\n") }
    }
}
