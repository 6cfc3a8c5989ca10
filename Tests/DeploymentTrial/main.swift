import Checksums
import Deployments
import LinuxSystem
import Sysroots
import SystemPackage

// deployment-trial ROOT deploy COMMIT REFSPEC | install STATEROOT COMMIT REFSPEC | rollback | hold

let arguments = Array(ProcessStart.arguments.dropFirst())
let root = FilePath(arguments[0])

func checksum(_ text: String) -> Checksum {
    guard let checksum = Checksum(hex: text) else { fatalError("\(text) is no checksum") }
    return checksum
}

do {
    if arguments[1] == "install" { try SysrootChange.initialize(root: root, stateroot: arguments[2]) }
    let change = try SysrootChange(root: root, command: "hostctl \(arguments[1])")
    switch arguments[1] {
    case "deploy": print(try change.deploy(DeployRequest(commit: checksum(arguments[2]), refspec: arguments[3])).name)
    case "install":
        let request = DeployRequest(commit: checksum(arguments[3]), refspec: arguments[4], stateroot: arguments[2])
        print(try change.deploy(request).name)
    case "rollback": print(try change.rollback().name)
    case "hold":
        print("held")
        _ = try Descriptor(opening: "/dev/stdin").readToEnd(limit: 16)
    default: fatalError("unknown verb \(arguments[1])")
    }
    withExtendedLifetime(change) {}
} catch {
    print("error: \(error)")
    throw error
}
