package fivetran

// Messages of successful operations, word for word as the definition's
// examples have them; clients compare some. {id} and {hash} stand for the
// values in the request's path.
const (
	AccountInfoRetrieved = "Account information retrieved successfully"

	GroupsListed           = "Groups retrieved successfully"
	GroupCreated           = "Group has been created"
	GroupRetrieved         = "Group details retrieved successfully"
	GroupUpdated           = "Group has been updated"
	GroupDeleted           = "Group with id '{id}' has been deleted"
	GroupConnectionsListed = "Group connections retrieved successfully"
	GroupUsersListed       = "Group users retrieved successfully"
	GroupPublicKeyShown    = "Group SSH public key retrieved successfully"
	GroupServiceAccountIs  = "Group service account retrieved successfully"

	DestinationsListed   = "Destinations list retrieved successfully"
	DestinationCreated   = "Destination has been created"
	DestinationRetrieved = "Destination details retrieved successfully"
	DestinationUpdated   = "Destination has been updated"
	DestinationDeleted   = "Destination with id '{id}' has been deleted"

	ConnectionsListed   = "Connections list retrieved successfully"
	ConnectionCreated   = "Connection has been created"
	ConnectionRetrieved = "Connection details retrieved successfully"
	ConnectionUpdated   = "Connection has been updated"
	ConnectionDeleted   = "Connection with id '{id}' has been deleted"

	SetupTestsCompleted = "Setup tests have been completed"
	SyncTriggered       = "Sync has been successfully triggered for connection with id '{id}'"
	TablesResyncing     = "Re-sync has been triggered successfully"
	StateRetrieved      = "Connection state retrieved successfully"
	StateUpdated        = "Connection state has been updated"

	SchemaConfigRetrieved  = "Schema configuration retrieved successfully"
	SchemaConfigPreCreated = "Schema configuration pre-created successfully"
	SchemaConfigModified   = "Schema configuration has been modified"
	SchemaConfigReloaded   = "Schema configuration has been reloaded"
	DatabaseSchemaModified = "Database schema configuration has been modified"
	TableConfigModified    = "Table configuration has been modified"
	ColumnConfigModified   = "Column configuration has been modified"
	ColumnConfigRetrieved  = "Column configuration retrieved successfully"
	ColumnMarked           = "Column successfully marked for deletion"
	ColumnsMarked          = "Column(s) successfully marked for deletion"

	ConnectionCertificatesListed  = "Connection certificates retrieved successfully"
	ConnectionCertificateShown    = "Connection certificate details retrieved successfully"
	ConnectionCertificateRevoked  = "Certificate '{hash}' has been revoked for connection '{id}'"
	DestinationCertificatesListed = "Destination certificates retrieved successfully"
	DestinationCertificateShown   = "Destination certificate details retrieved successfully"
	DestinationCertificateRevoked = "Certificate '{hash}' has been revoked for destination '{id}'"
	CertificateApproved           = "The certificate has been approved."

	ConnectionFingerprintsListed  = "Connection fingerprints retrieved successfully"
	ConnectionFingerprintShown    = "Connection fingerprint details retrieved successfully"
	ConnectionFingerprintRevoked  = "Fingerprint with hash '{hash}' has been revoked for connection with id '{id}'"
	DestinationFingerprintsListed = "Destination fingerprints retrieved successfully"
	DestinationFingerprintShown   = "Destination fingerprint details retrieved successfully"
	DestinationFingerprintRevoked = "Fingerprint with hash = '{hash}' has been revoked for destination id = '{id}'"
	FingerprintApproved           = "The fingerprint has been approved."

	UsersListed   = "Users list retrieved successfully"
	UserRetrieved = "User details retrieved successfully"

	ConnectorTypesListed   = "Connectors list retrieved successfully"
	ConnectorTypeRetrieved = "Connector configuration retrieved successfully"
	StatesListed           = "Connection states retrieved successfully" // these are ours
	StateRestored          = "Connection state has been restored"
	SettingsRetrieved      = "Settings retrieved successfully"
	SettingsModified       = "Settings have been modified"
	TablesListed           = "Tables retrieved successfully"

	PublicConnectorTypesShown = "Connector metadata retrieved successfully"
)
