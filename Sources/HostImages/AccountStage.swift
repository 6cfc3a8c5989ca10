import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage

/// Gives users and groups of a tree the numbers that they have in an earlier image, and the tree's files their owners.
///
/// The names and numbers of all releases so far stand in a file of the image, for those that a release does not have.
struct AccountStage {
    let tree: TreeFolder
    let store: Store
    /// The image whose numbers are kept; `nil` for a first one.
    let previous: Checksum?

    /// Where an image tells the numbers that are taken: lines `user NAME NUMBER` and `group NAME NUMBER`.
    static let record = "usr/lib/hostctl/accounts"

    /// - Throws: `ImageError.accountNumberTaken`, `.accountsUnreadable`; `StoreError`, `SystemError`.
    func run() throws {
        guard let passwd = try text("etc/passwd"), let group = try text("etc/group") else { return }
        let fresh = (users: AccountNumbers(accounts: passwd), groups: AccountNumbers(accounts: group))
        let earlier = try earlierNumbers()
        let users = try earlier.users.renumbering(fresh.users.numbers)
        let groups = try earlier.groups.renumbering(fresh.groups.numbers)
        let newPasswd = AccountNumbers.renumber(passwd, [(2, users), (3, groups)])
        let newGroup = AccountNumbers.renumber(group, [(2, groups)])
        if !users.isEmpty || !groups.isEmpty {
            replace("etc/passwd", newPasswd)
            replace("etc/group", newGroup)
            chown(tree, users, groups)
        }
        write(
            users: earlier.users.merged(with: AccountNumbers(accounts: newPasswd).numbers),
            groups: earlier.groups.merged(with: AccountNumbers(accounts: newGroup).numbers))
    }

    // MARK: the earlier image

    private func earlierNumbers() throws -> (users: AccountNumbers, groups: AccountNumbers) {
        guard let previous else { return (AccountNumbers(numbers: [:]), AccountNumbers(numbers: [:])) }
        var users = AccountNumbers(accounts: try required("usr/etc/passwd", previous))
        var groups = AccountNumbers(accounts: try required("usr/etc/group", previous))
        for line in (try stored(Self.record, previous) ?? "").split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            guard words.count == 3, let number = UInt32(words[2]), ["user", "group"].contains(words[0]) else {
                throw ImageError.accountsUnreadable(detail: "\(Self.record) has the line '\(line)'")
            }
            let name = String(words[1])
            if words[0] == "user" {
                users.numbers[name] = users.numbers[name] ?? number
            } else {
                groups.numbers[name] = groups.numbers[name] ?? number
            }
        }
        return (users, groups)
    }

    private func required(_ path: String, _ commit: Checksum) throws -> String {
        guard let text = try stored(path, commit) else {
            throw ImageError.accountsUnreadable(detail: "\(commit.hex) has no \(path)")
        }
        return text
    }

    private func stored(_ path: String, _ commit: Checksum) throws -> String? {
        guard let file = try store.file(at: path, in: commit) else { return nil }
        return String(
            decoding: try Files.read(store.path(of: ObjectName(file, .file)), limit: 1 << 20), as: UTF8.self)
    }

    // MARK: the tree

    private func text(_ path: String) throws -> String? {
        guard case .file(let file)? = tree[path] else { return nil }
        return String(decoding: try file.read(limit: 1 << 20), as: UTF8.self)
    }

    private func replace(_ path: String, _ text: String) {
        guard case .file(var file)? = tree[path] else { return }
        file.content = .bytes(Array(text.utf8))
        tree[path] = .file(file)
    }

    private func chown(_ folder: TreeFolder, _ users: [UInt32: UInt32], _ groups: [UInt32: UInt32]) {
        func change(_ attributes: inout FileAttributes) {
            attributes.uid = users[attributes.uid] ?? attributes.uid
            attributes.gid = groups[attributes.gid] ?? attributes.gid
        }
        change(&folder.attributes)
        for (name, entry) in folder.entries {
            switch entry {
            case .folder(let child): chown(child, users, groups)
            case .file(var file):
                change(&file.attributes)
                folder.entries[name] = .file(file)
            case .link(var link):
                change(&link.attributes)
                folder.entries[name] = .link(link)
            }
        }
    }

    private func write(users: AccountNumbers, groups: AccountNumbers) {
        func lines(_ kind: String, _ accounts: AccountNumbers) -> [String] {
            accounts.numbers.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { "\(kind) \($0.key) \($0.value)" }
        }
        let head =
            "# Numbers of this release and of those before it, which no other name may get; by hostctl image build."
        let text = ([head] + lines("user", users) + lines("group", groups)).joined(separator: "\n") + "\n"
        let attributes = FileAttributes(permissions: 0o644)
        tree[Self.record] = .file(TreeFile(attributes: attributes, content: .bytes(Array(text.utf8))))
    }
}
