import LinuxSystem

/// Copies what one tree has under a name, with everything in it.
final class TreeCopier {
    /// `nil` when nothing is written.
    let writer: EtcWriter?
    private(set) var notes: [EtcNote] = []

    init(_ writer: EtcWriter?) { self.writer = writer }

    /// - Parameter side: whose it is: names of one file of the operator's stay names of one file.
    func copy(_ source: Located?, _ side: EtcSide, _ place: Place) throws {
        guard let source else { return }
        switch source.entry.kind {
        case .special: notes.append(EtcNote(path: place.path, text: EtcMerger.specialText))
        case .link: try writer?.copyLink(source, place)
        case .file: try writer?.copyFile(source, Metadata(source), place, mayLink: side == .local)
        case .folder:
            guard place.depth + 1 < EtcMerger.deepest else { throw EtcMergeError.tooDeep(path: source.path) }
            let output = try writer?.makeFolder(place)
            let folder = try source.asFolder()
            for name in try folder.names() {
                let inside = Place(
                    name: name, path: place.path.appending(name), output: output, depth: place.depth + 1)
                try copy(Located(name, in: folder), side, inside)
            }
            if let output { try Metadata(source).write(to: output.descriptor) }
        }
    }
}
