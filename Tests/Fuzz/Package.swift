// swift-tools-version: 6.2
// The fuzz targets that are written in Swift: a library each, which Tests/fuzz.sh links with
// libFuzzer's main. A package of its own, so that the sanitizers' settings stay here.
import PackageDescription

let package = Package(
  name: "Fuzz",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "engines", type: .static, targets: ["engines"])
  ],
  dependencies: [.package(name: "jotmill", path: "../..")],
  targets: [
    .target(name: "Cases", path: "Cases", cSettings: [.treatAllWarnings(as: .error)]),
    .target(
      name: "engines", dependencies: ["Cases", .product(name: "JOSE", package: "jotmill")],
      path: "Swift/engines"),
  ],
  swiftLanguageModes: [.v6]
)
