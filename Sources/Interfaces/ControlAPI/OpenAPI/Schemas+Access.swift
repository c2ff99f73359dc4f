internal import ClusterModel
internal import ControlAPIModel

extension Schemas {
  static let joinNodeRequest = Schema.object(
    required: ["token": Schema.string, "node": Schema.string, "request": Schema.string])

  static let renewCertificateRequest = Schema.object(
    required: [
      "certificate": Schema.string, "request": Schema.string, "signature": Schema.base64,
    ])

  static let issuedCertificate = Schema.object(
    required: [
      "certificate": Schema.string, "authorities": Schema.string,
      "attachAddresses": Schema.array(Schema.string),
    ])

  static let createTokenRequest = Schema.object(
    required: ["kind": Schema.texts(CreateTokenRequest.Kind.allCases)],
    optional: [
      "name": Schema.string, "role": Schema.texts(Role.allCases), "node": Schema.string,
      "seconds": Schema.integer,
    ])

  static let createdToken = Schema.object(
    required: ["name": Schema.string, "token": Schema.string],
    optional: ["expiresAt": Schema.time])

  static let token = Schema.object(
    required: [
      "name": Schema.string, "kind": Schema.texts(CreateTokenRequest.Kind.allCases),
      "state": Schema.texts(TokenResource.State.allCases), "createdAt": Schema.time,
      "createdBy": Schema.ref("Principal"),
    ],
    optional: [
      "role": Schema.texts(Role.allCases), "node": Schema.string, "expiresAt": Schema.time,
      "lastUsedAt": Schema.time,
    ])
}
