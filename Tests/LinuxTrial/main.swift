import Glibc
import LinuxSystem
import SystemPackage

// linux-trial replace PATH TEXT | create PATH TEXT | remove PATH | names PATH
//             | lock PATH shared|exclusive HOLDER | reach NAME TIMES
//
// Arguments as the kernel passed them: some tests run it where /proc is missing.
let arguments = ProcessStart.arguments
let path = FilePath(arguments[2])

do {
    switch arguments[1] {
    case "replace": try Files.replace(path, with: Array(arguments[3].utf8))
    case "create": try Files.create(path, bytes: Array(arguments[3].utf8), mode: 0o664)
    case "remove": try Files.removeTree(path)
    case "names": print(try Files.names(in: path).joined(separator: " "))
    case "lock":
        let kind = arguments[3] == "shared" ? FileLock.Kind.shared : .exclusive
        let lock = try FileLock(path, kind, seconds: 0, holder: arguments[4])
        try Files.create(FilePath("\(arguments[2]).ready"), bytes: [], mode: 0o600)
        pause()
        withExtendedLifetime(lock) {}
    case "reach":
        for visit in 1...(Int(arguments[3]) ?? 1) {
            // Unbuffered: what was written before a kill has to arrive.
            "\(visit)\n".withCString { _ = write(1, $0, strlen($0)) }
            FaultPoint.reached("trial.place")
        }
    default: fatalError("unknown verb \(arguments[1])")
    }
} catch {
    print("error: \(error)")
    exit(1)
}
