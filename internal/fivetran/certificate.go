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

// A Fingerprint is the host key of an SSH server that somebody has approved.
type Fingerprint struct {
	ID            string    `json:"id"` // the hash in Base64URL
	Hash          string    `json:"hash"`
	PublicKey     string    `json:"public_key"`
	ValidatedDate time.Time `json:"validated_date"`
	ValidatedBy   string    `json:"validated_by"` // a person's name
}

// Approve is the body of POST …/certificates and POST …/fingerprints.
type Approve struct {
	Hash        string `json:"hash"`
	EncodedCert string `json:"encoded_cert"` // of a certificate: base64 of the DER form, with or without PEM's frame
	PublicKey   string `json:"public_key"`   // of a fingerprint: as in a line of authorized_keys

	// These are in the bodies of POST /v1/certificates and of POST
	// /v1/fingerprints alone.
	ConnectionID  string `json:"connection_id"`
	ConnectorID   string `json:"connector_id"` // the older name
	DestinationID string `json:"destination_id"`
}
