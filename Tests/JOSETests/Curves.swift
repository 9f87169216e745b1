// The two curves of the lanes, slowly: P-256 by OpenSSL's points, edwards25519 by the book.
// Owns: points for tests, with numbers that nobody need guess. Must never: share code with CLanes.

import COpenSSL

@testable import JOSE

enum P256 {
  static let n = Big(hex: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  static let p = Big(hex: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")

  /// x and y of `scalar` times the generator, nil for infinity.
  static func multiple(_ scalar: Big) -> (x: Big, y: Big)? {
    sum(scalar, 0, nil)
  }

  /// x and y of u1 G + u2 Q.
  static func sum(_ u1: Big, _ u2: Big, _ q: (x: Big, y: Big)?) -> (x: Big, y: Big)? {
    let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)!
    let (point, other) = (EC_POINT_new(group)!, EC_POINT_new(group)!)
    let (x, y) = (BN_new()!, BN_new()!)
    defer {
      for point in [point, other] { EC_POINT_free(point) }
      for number in [x, y] { BN_free(number) }
      EC_GROUP_free(group)
    }
    let (g, f) = (u1 % n, u2 % n)
    return withExtendedLifetime((g, f, q)) {
      let isRight =
        if let q {
          EC_POINT_set_affine_coordinates(group, other, q.x.pointer, q.y.pointer, nil) == 1
            && EC_POINT_mul(group, point, g.pointer, other, f.pointer, nil) == 1
        } else {
          EC_POINT_mul(group, point, g.pointer, nil, nil, nil) == 1
        }
      precondition(isRight, "a point of the curve")
      guard EC_POINT_is_at_infinity(group, point) == 0 else { return nil }
      precondition(EC_POINT_get_affine_coordinates(group, point, x, y, nil) == 1, "finite")
      return (Big(copying: x), Big(copying: y))
    }
  }

  /// The points with this x, none if there are none.
  static func y(at x: Big, isOdd: Bool) -> Big? {
    let b = Big(hex: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
    let square = (x * x * x - 3 * x + b) % p
    let root = square.power((p + 1) / 4, p)
    guard root * root % p == square else { return nil }
    return root.isOdd == isOdd ? root : p - root
  }

  static func jwk(_ point: (x: Big, y: Big)) -> JWK {
    JWK(.ec(.p256, x: point.x.octets(32), y: point.y.octets(32)))
  }
}

/// Points of -x^2 + y^2 = 1 + d x^2 y^2, as RFC 8032 has them.
struct Edwards: Equatable {
  var x: Big
  var y: Big

  static let p = Big.powerOfTwo(255) - 19
  static let order =
    Big.powerOfTwo(252) + Big(hex: "14def9dea2f79cd65812631a5cf5d3ed")
  static let d = (0 - 121_665 * (121_666 as Big).inverse(p)!) % p
  static let identity = Edwards(x: 0, y: 1)
  static let base = Edwards(y: 4 * (5 as Big).inverse(p)! % p, isOdd: false)!

  init(x: Big, y: Big) { (self.x, self.y) = (x, y) }

  init?(y: Big, isOdd: Bool) {
    let y = y % Self.p
    let u = (y * y - 1) % Self.p
    let square = u * (Self.d * y * y + 1).inverse(Self.p)! % Self.p
    var root = square.power((Self.p + 3) / 8, Self.p)
    if root * root % Self.p != square {
      root = root * (2 as Big).power((Self.p - 1) / 4, Self.p) % Self.p
    }
    guard root * root % Self.p == square else { return nil }
    if root.isOdd != isOdd { root = (0 - root) % Self.p }
    self.init(x: root, y: y)
  }

  static func + (a: Edwards, b: Edwards) -> Edwards {
    let product = d * a.x * b.x * a.y * b.y % p
    return Edwards(
      x: (a.x * b.y + a.y * b.x) * (1 + product).inverse(p)! % p,
      y: (a.y * b.y + a.x * b.x) * (1 - product).inverse(p)! % p)
  }

  static prefix func - (a: Edwards) -> Edwards { Edwards(x: (0 - a.x) % p, y: a.y) }

  /// By doubling and adding, as fractions: X/Z, Y/Z and T = XY/Z (RFC 8032, section 5.1.4).
  static func * (factor: Big, point: Edwards) -> Edwards {
    typealias Fraction = (x: Big, y: Big, z: Big, t: Big)
    func add(_ a: Fraction, _ b: Fraction) -> Fraction {
      let (ab, product) = ((a.y - a.x) * (b.y - b.x), (a.y + a.x) * (b.y + b.x))
      let (c, d) = (2 * a.t * b.t % p * Self.d, 2 * a.z * b.z)
      let (e, f, g, h) = ((product - ab) % p, (d - c) % p, (d + c) % p, (product + ab) % p)
      return (e * f % p, g * h % p, f * g % p, e * h % p)
    }
    var sum: Fraction = (0, 1, 1, 0)
    let addend: Fraction = (point.x, point.y, 1, point.x * point.y % p)
    for bit in stride(from: factor.bits - 1, through: 0, by: -1) {
      sum = add(sum, sum)
      if factor.bit(bit) { sum = add(sum, addend) }
    }
    let inverse = sum.z.inverse(p)!
    return Edwards(x: sum.x * inverse % p, y: sum.y * inverse % p)
  }

  /// y, and x's lowest bit on top.
  var encoded: [UInt8] { Self.encode(y, x.isOdd) }

  static func encode(_ y: Big, _ isOdd: Bool) -> [UInt8] {
    var octets = y.littleEndian(32)
    if isOdd { octets[31] |= 0x80 }
    return octets
  }

  /// A point of order 8: every eighth of the curve's points is a multiple of B and one of this.
  static let torsion: Edwards = {
    var y: Big = 2
    while true {
      if let point = Edwards(y: y, isOdd: false) {
        let small = order * point
        if 4 * small != identity { return small }
      }
      y = y + 1
    }
  }()

  /// Every text that OpenSSL may take for one of the eight points of small order: with y from p on,
  /// and the sign of x = 0, too.
  static let smallOrder: [[UInt8]] = {
    var out: [[UInt8]] = []
    for factor: UInt64 in 0..<8 {
      let point = Big(integerLiteral: factor) * torsion
      for y in [point.y, point.y + p] where y.bits <= 255 {
        for isOdd in point.x == 0 ? [false, true] : [point.x.isOdd] {
          let text = encode(y, isOdd)
          if !out.contains(text) { out.append(text) }
        }
      }
    }
    return out
  }()
}
