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

	ConnectCardCreatedFor = "Connection Connect Card has been created"
	SyncHistoryListed     = "Connection sync history retrieved successfully" // not published; so is the next
	ConnectionErrorsShown = "Connection errors retrieved successfully"

	ProxyAgentsListed       = "Proxy agent retrieved successfully"
	ProxyAgentCreated       = "Proxy agent has been created"
	ProxyAgentRetrieved     = "Proxy agent details retrieved successfully" // not published
	ProxyAgentDeleted       = "Agent {id} successfully deleted"
	ProxyConnectionsListed  = "Proxy agent connections retrieved successfully"
	ProxySecretsRegenerated = "Proxy agent secrets have been regenerated"

	HybridAgentsListed   = "Hybrid deployment agents retrieved successfully"
	HybridAgentCreated   = "Hybrid deployment agent has been created"
	HybridAgentRetrieved = "Hybrid deployment agent details retrieved successfully"
	HybridAgentDeleted   = "Hybrid deployment agent with id = {id} has been deleted."
	HybridAgentReAuthed  = "Hybrid deployment agent re-authentication successful"
	HybridAgentReset     = "Successfully reset credentials the agent with id = {id}"

	PrivateLinksListed   = "Private links retrieved successfully"
	PrivateLinkCreated   = "Private link has been created"
	PrivateLinkRetrieved = "Private link details retrieved successfully"
	PrivateLinkUpdated   = "Private link has been updated"
	PrivateLinkDeleted   = "Private link with id '{id}' is marked for deletion"

	HubRegisteredHere = "HVR hub has been registered"

	PackagesListed   = "Connector SDK packages retrieved successfully"
	PackageCreated   = "Package created successfully"
	PackageRetrieved = "Connector SDK package details retrieved successfully"
	PackageUpdated   = "Package updated successfully"
	PackageDeleted   = "Package deleted successfully"

	ProjectsListed   = "Transformation projects retrieved successfully"
	ProjectCreated   = "Transformation project created successfully"
	ProjectRetrieved = "Transformation project details retrieved successfully"
	ProjectUpdated   = "Transformation project updated successfully"
	ProjectDeleted   = "Transformation project with id '{id}' has been deleted"
	ProjectTested    = "Transformation project test completed successfully"

	TransformationsListed   = "Transformations list retrieved successfully"
	TransformationCreated   = "Transformation created successfully"
	TransformationRetrieved = "Transformation details retrieved successfully"
	TransformationUpdated   = "Transformation updated successfully"
	TransformationDeleted   = "Transformation with id '{id}' has been deleted"
	TransformationStarted   = "Transformation with id '{id}' has been started"
	TransformationCanceled  = "Transformation with id '{id}' has been canceled"
	TransformationUpgraded  = "Transformation package has been upgraded"
	PackageMetadataListed   = "Transformation package metadata list retrieved successfully"
	PackageMetadataShown    = "Transformation package metadata details retrieved successfully"

	WebhooksListed        = "Webhooks retrieved successfully"
	AccountWebhookCreated = "Account webhook has been created"
	GroupWebhookCreated   = "Group webhook has been created"
	WebhookRetrieved      = "Webhook details retrieved successfully"
	WebhookUpdated        = "Webhook has been updated"
	WebhookDeleted        = "Webhook with id '{id}' has been deleted"
	WebhookTestCompleted  = "Webhook test completed successfully"
	DeliveriesListed      = "Webhook deliveries retrieved successfully" // ours

	LogServicesListed          = "External logging services retrieved successfully"
	LogServiceCreated          = "External logging service has been added"
	LogServiceRetrieved        = "External logging service details retrieved successfully"
	LogServiceUpdated          = "External logging service has been updated"
	LogServiceDeleted          = "External logging service with id '{id}' has been deleted"
	AccountLogServiceCreated   = "Account external logging service has been added"
	AccountLogServiceRetrieved = "Account external logging service details retrieved successfully"
	AccountLogServiceUpdated   = "Account external logging service has been updated"
	AccountLogServiceDeleted   = "Account external logging service has been deleted"
	AccountLogServiceTested    = "Account external logging service setup tests have been completed"

	UsersListed   = "Users list retrieved successfully"
	UserRetrieved = "User details retrieved successfully"

	ConnectorTypesListed   = "Connectors list retrieved successfully"
	ConnectorTypeRetrieved = "Connector configuration retrieved successfully"
	StatesListed           = "Connection states retrieved successfully" // these are ours
	StateRestored          = "Connection state has been restored"
	SettingsRetrieved      = "Settings retrieved successfully"
	SettingsModified       = "Settings have been modified"
	VerificationStarted    = "Verification has been started"
	VerificationsListed    = "Verifications retrieved successfully"
	VerificationRetrieved  = "Verification retrieved successfully"
	VerificationCanceled   = "Verification has been canceled"
	PlanMade               = "Plan has been made"
	TablesListed           = "Tables retrieved successfully"

	PublicConnectorTypesShown = "Connector metadata retrieved successfully"
)
