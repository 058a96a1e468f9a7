package fivetran

import "time"

// A Certificate is a server certificate that somebody has approved.
type Certificate struct {
	ID            string    `json:"id"` // the hash in Base64URL
	Name          string    `json:"name"`
	Hash          string    `json:"hash"`
	Type          string    `json:"type"`
	SHA1          string    `json:"sha1"`
	SHA256        string    `json:"sha256"`
	PublicKey     string    `json:"public_key"`
	ValidatedDate time.Time `json:"validated_date"`
	ValidatedBy   string    `json:"validated_by"` // a person's name
}

// ApproveCertificate is the body of POST …/certificates.
type ApproveCertificate struct {
	Hash        string `json:"hash"`
	EncodedCert string `json:"encoded_cert"` // base64 of the DER form, with or without PEM's frame
}

// ApproveCertificateOf is the body of POST /v1/certificates, which names whose
// certificate it is.
type ApproveCertificateOf struct {
	ApproveCertificate
	ConnectionID  string `json:"connection_id"`
	DestinationID string `json:"destination_id"`
}
