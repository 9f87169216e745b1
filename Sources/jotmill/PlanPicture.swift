internal import JOSE
internal import Keyring
enum PlanPicture { static func svg(_ plan: Plan, title: String) -> [UInt8] { [] } }
