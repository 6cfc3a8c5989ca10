import LinuxSystem

// To be replaced by one file for each loader.
extension SystemdBoot {
    public func install(_ source: LoaderSource, options: LoaderOptions) throws {}
    public func loaderStatus(_ source: LoaderSource) throws -> LoaderStatus {
        LoaderStatus(installed: nil, available: nil, differs: false, hasFallback: false)
    }
    public func updateLoader(_ source: LoaderSource, force: Bool) throws -> LoaderStatus { try loaderStatus(source) }
    public func confirmLoader() throws {}
}

extension GRUB {
    public func install(_ source: LoaderSource, options: LoaderOptions) throws {}
    public func loaderStatus(_ source: LoaderSource) throws -> LoaderStatus {
        LoaderStatus(installed: nil, available: nil, differs: false, hasFallback: false)
    }
    public func updateLoader(_ source: LoaderSource, force: Bool) throws -> LoaderStatus { try loaderStatus(source) }
    public func confirmLoader() throws {}
}
