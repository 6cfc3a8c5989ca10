import COSTree

/// The libostree that was loaded, which may be newer than the one that was there when this was built.
public enum LibraryVersion {
    /// As `2022.7`. libostree only says whether it is at least some version.
    public static let text: String = {
        func isAtLeast(_ year: UInt32, _ release: UInt32) -> Bool { ostree_check_version(year, release) != 0 }
        let year = (2017...2099).last { isAtLeast($0, 0) } ?? 2017
        let release = (0...99).last { isAtLeast(year, $0) } ?? 0
        return "\(year).\(release)"
    }()
}
