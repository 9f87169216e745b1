// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]
let c: [CSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "jotmill",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "jotmill", targets: ["jotmill"]),
    .library(name: "JOSE", targets: ["JOSE"]),
    .library(name: "Keyring", targets: ["Keyring"]),
  ],
  targets: [
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    .target(
      name: "CSystem", cSettings: c,
      // bcrypt, for which there is nothing in OpenSSL.
      linkerSettings: [.linkedLibrary("crypt", .when(platforms: [.linux]))]),
    .target(name: "CLanes", cSettings: c),
    .target(name: "Files", dependencies: ["CSystem"], swiftSettings: swift),
    .target(name: "JOSE", dependencies: ["COpenSSL", "CLanes"], swiftSettings: swift),
    .target(name: "Keyring", dependencies: ["JOSE", "Files"], swiftSettings: swift),
    .target(name: "Pipeline", dependencies: ["JOSE", "Keyring", "Files"], swiftSettings: swift),
    .executableTarget(
      name: "jotmill", dependencies: ["Pipeline", "Keyring", "JOSE", "Files"],
      swiftSettings: swift),
    .testTarget(name: "JOSETests", dependencies: ["JOSE", "CLanes", "COpenSSL"]),
    .testTarget(name: "KeyringTests", dependencies: ["Keyring", "JOSE", "Files"]),
    .testTarget(name: "PipelineTests", dependencies: ["Pipeline", "Keyring", "JOSE", "Files"]),
    .testTarget(name: "CLITests", dependencies: ["jotmill"], exclude: ["scripts"]),
  ],
  swiftLanguageModes: [.v6]
)
