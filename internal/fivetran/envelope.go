// Package fivetran is the wire of Fivetran's REST API, v1, and nothing else:
// the shapes of requests and responses, the codes and the messages, as the
// published definition has them (fivetran-open-api-definition.json,
// 2026-07-10). It has no behaviour and no defaults.
//
// Fields without omitempty are always present in a response, as null where a
// pointer is nil. Fields with it are absent where the comment says so.
package fivetran

// A Response wraps every answer.
type Response struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Data    any    `json:"data,omitempty"` // absent from errors and from operations that return nothing
}

// Codes of responses. The definition does not list them; these are the ones
// that its examples, the documentation and the clients' code show.
const (
	Success      = "Success"
	InvalidInput = "InvalidInput"
	BadRequest   = "BadRequest"
	Conflict     = "Conflict"
	NotFound     = "NotFound"

	NotFoundConnection  = "NotFound_Connection"
	NotFoundConnector   = "NotFound_Connector" // on the older paths
	NotFoundDestination = "NotFound_Destination"
	NotFoundGroup       = "NotFound_Group"
	NotFoundTeam        = "NotFound_Team"
	NotFoundAgent       = "NotFound_RemoteExecutionAgent"

	NotFoundPackage        = "NotFound_ConnectorSdkPackage"
	NotFoundTransformation = "NotFound_Transformation"
	NotFoundProject        = "NotFound_TransformationProject"
	NotFoundLogService     = "NotFound_LogService"
	IllegalState           = "IllegalState" // of a private link that is being made

	NotFoundSchemaConfig = "NotFound_SchemaConfig" // the schema was never captured
	NotFoundSchema       = "NotFound_Schema"       // these three are ours
	NotFoundTable        = "NotFound_Table"
	NotFoundColumn       = "NotFound_Column"
	NotFoundState        = "NotFound_State"
	NotFoundRun          = "NotFound_Run"
	NotFoundVerification = "NotFound_Verification"

	// No client compares these, and no document shows them.
	Unauthorized         = "AuthFailed"
	Forbidden            = "Forbidden"
	TooManyRequests      = "TooManyRequests"
	MethodNotAllowed     = "MethodNotAllowed"
	NotAcceptable        = "NotAcceptable"
	UnsupportedMediaType = "UnsupportedMediaType"
	InternalError        = "InternalError"
)

// A Page is the data of every list.
type Page[T any] struct {
	Items      []T     `json:"items"`       // never null
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// A SetupTest is the result of one setup test.
type SetupTest struct {
	Title   string `json:"title"`
	Status  string `json:"status"`            // PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED
	Message string `json:"message"`           // empty if it passed
	Details any    `json:"details,omitempty"` // absent where there is nothing more to say
}

// CertificateDetails are the details of a setup test that met a server
// certificate that nobody has approved.
type CertificateDetails struct {
	Hash        string `json:"hash"`
	EncodedCert string `json:"encoded_cert"`
	Subject     string `json:"subject"`
}

// FingerprintDetails are the same for an SSH server's host key.
type FingerprintDetails struct {
	Hash      string `json:"hash"`
	PublicKey string `json:"public_key"`
}
