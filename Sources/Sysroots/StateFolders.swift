import Glibc
public import LinuxSystem
public import SystemPackage

/// Which folder a deployment has as /var, on a host with a boot partition.
///
/// A link `/ostree/hostctl/var/<stateroot>/<checksum>.<serial>`, which the initramfs follows, names it; without one, or
/// where that names no folder, it is the stateroot's `var`. So a boot entry chooses its /var, too, in one step. The
/// initramfs has the same rule, in `state_folder`.
public struct StateFolders {
    /// What a deployment without a link has.
    public static let usual = "var"

    private let paths: SysrootPaths

    public init(_ paths: SysrootPaths) { self.paths = paths }

    private static func prefix(_ stateroot: String) -> String { "../../../deploy/\(stateroot)/" }

    /// What the link names, whether it is there or not; `nil` for what is no name that a reset gives.
    public func named(by name: DeploymentName) -> String? {
        guard let target = Files.linkTarget(paths.stateLink(of: name)) else { return nil }
        let prefix = Self.prefix(name.stateroot)
        guard target.hasPrefix(prefix) else { return nil }
        let folder = String(target.dropFirst(prefix.count))
        return Self.isName(folder) ? folder : nil
    }

    /// `var`, or a name that begins with that and a dot, of small letters, digits, `.` and `-`: one part of a path, and
    /// neither the deployments nor `..`.
    private static func isName(_ text: String) -> Bool {
        let others = Set("abcdefghijklmnopqrstuvwxyz0123456789.-".utf8)
        return text == usual || text.hasPrefix("\(usual).") && text.utf8.allSatisfy { others.contains($0) }
    }

    /// Whether a name is one that only a reset gives, to what was a /var: with a number where there was another.
    static func isFormer(_ folder: String) -> Bool {
        ["\(usual).before-reset", "\(usual).after-reset"].contains { base in
            guard folder.hasPrefix(base) else { return false }
            let rest = folder.dropFirst(base.count)
            return rest.isEmpty || rest.first == "-" && Int(rest.dropFirst()) ?? 0 > 1
        }
    }

    /// The name of the folder, in the stateroot's.
    public func folder(of name: DeploymentName) -> String {
        guard let named = named(by: name) else { return Self.usual }
        let folder = paths.deploy.appending(name.stateroot).appending(named)
        // A link in its place could lead anywhere.
        return Files.isFolder(folder) && Files.linkTarget(folder) == nil ? named : Self.usual
    }

    /// Whether a link leads to a folder that is not there.
    public func isDangling(_ name: DeploymentName) -> Bool {
        Files.linkTarget(paths.stateLink(of: name)) != nil && folder(of: name) == Self.usual
    }

    /// Gives a deployment another folder, durably; one that is not there yet counts from when it is.
    ///
    /// - Parameter folder: `nil` for the usual one.
    /// - Throws: `SystemError`.
    public func set(_ name: DeploymentName, to folder: String?) throws {
        let path = paths.stateLink(of: name)
        let parent = path.removingLastComponent()
        guard let folder, folder != Self.usual else {
            guard Files.linkTarget(path) != nil else { return }
            try Files.remove(path)
            return try Files.syncFolder(parent)
        }
        if named(by: name) != folder {
            try Files.makeFolder(parent)
            let temporary = Files.temporaryName(beside: path)
            try Files.makeLink(temporary, target: Self.prefix(name.stateroot) + folder)
            try Files.move(temporary, over: path)
        }
        for folder in [parent, paths.stateLinks, paths.state] { try Files.syncFolder(folder) }
    }
}

extension SysrootPaths {
    /// The links that name a deployment's /var.
    public var stateLinks: FilePath { state.appending("var") }
    /// A name for a folder beside a stateroot's /var, with a number when it is taken.
    ///
    /// - Throws: `SystemError`.
    public func freeStateName(_ base: String, in stateroot: String) throws(SystemError) -> String {
        let taken = try Files.names(in: deploy.appending(stateroot))
        guard taken.contains(base) else { return base }
        var number = 2
        while taken.contains("\(base)-\(number)") { number += 1 }
        return "\(base)-\(number)"
    }
    /// The link that names a deployment's /var, if that is not the usual one.
    public func stateLink(of name: DeploymentName) -> FilePath {
        stateLinks.appending(name.stateroot).appending(name.folderName)
    }
}
