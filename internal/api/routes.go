package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// routes is the table of contents of the API, in sections by what the caller
// must be allowed. A status is given where a success is not 200, and what a
// route does where its method does not tell: POST makes a thing where the path
// names none, and changes one where it does.
func (s *server) routes() []route {
	const (
		get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

		users        = "/v1/users"
		teams        = "/v1/teams"
		systemKeys   = "/v1/system-keys"
		apiKeys      = "/v1/penstock/api-keys"
		groups       = "/v1/groups"
		destinations = "/v1/destinations"
		connections  = "/v1/connections"
		metadata     = "/v1/metadata"
		id           = "/{id}"
		webhooks     = "/v1/webhooks"
		schemas      = connections + "/{id}/schemas"
		table        = schemas + "/{schema}/tables/{table}"
		ours         = "/v1/penstock/connections/{id}" // what Fivetran has not
		certificates = "/{id}/certificates"
		fingerprints = "/{id}/fingerprints"
		hash         = "/{hash...}" // base64 may have slashes
		proxy        = "/v1/proxy"
		hybrid       = "/v1/hybrid-deployment-agents"
		links        = "/v1/private-links"
		packages     = "/v1/connector-sdk/packages"
		projects     = "/v1/transformation-projects"
		transforms   = "/v1/transformations"
		logs         = "/v1/external-logging"
		secrets      = "/v1/external-secrets-managers"

		govern = access.Edit | access.Delete // what it takes to say who is in a group
	)
	var (
		destinationCertificates = approvals{s, store.DestinationOwner, &certificate}
		destinationFingerprints = approvals{s, store.DestinationOwner, &fingerprint}
		connectionCertificates  = approvals{s, store.ConnectionOwner, &certificate}
		connectionFingerprints  = approvals{s, store.ConnectionOwner, &fingerprint}
	)
	all := slices.Concat(
		on(anybody,
			route{method: get, path: "/v1/account/info", handle: s.accountInfo, message: fivetran.AccountInfoRetrieved},
			route{method: get, path: metadata + "/connector-types", handle: s.listConnectorTypes, message: fivetran.ConnectorTypesListed},
			route{method: get, path: metadata + "/connector-types/{id}", handle: s.connectorType, message: fivetran.ConnectorTypeRetrieved},
			route{method: post, path: "/v1/certificates", handle: s.approveNamed(&certificate), message: fivetran.CertificateApproved},
			route{method: post, path: "/v1/fingerprints", handle: s.approveNamed(&fingerprint), message: fivetran.FingerprintApproved},
			route{method: get, path: "/public/connector-types", handle: s.publicConnectorTypes, message: fivetran.PublicConnectorTypesShown, public: true},
			route{method: get, path: "/openapi.json", handle: showDocument, public: true, download: true},
			route{method: get, path: "/docs/api", handle: showPage, public: true, download: true},
		),

		on(grouped(access.Users),
			route{method: get, path: users, handle: s.listUsers, message: fivetran.UsersListed},
		),
		on(made(access.Users),
			route{method: post, path: users, load: newUser, handle: s.createUser, message: fivetran.UserCreated, status: 201},
		),
		on(aUser,
			route{method: get, path: users + id, handle: s.showUser, message: fivetran.UserRetrieved},
			route{method: patch, path: users + id, handle: s.updateUser, message: fivetran.UserUpdated},
			route{method: del, path: users + id, handle: s.deleteUser, message: fivetran.UserDeleted},
			route{method: post, path: "/v1/penstock/users/{id}/login-link", handle: s.createLoginLink, message: fivetran.LoginLinkCreated, status: 201},
			route{method: del, path: users + id + "/role", does: access.Edit, handle: s.removeUserRole, message: fivetran.UserRoleRemoved},
		),
		on(aUser, memberRoutes(users+id+"/groups", memberships{s, store.UserMember, access.GroupLevel}, fivetran.UserGroupsListed, fivetran.UserGroupRetrieved)...),
		on(aUser, memberRoutes(users+id+"/connections", memberships{s, store.UserMember, access.ConnectionLevel}, fivetran.UserConnectionsListed, fivetran.UserConnectionRetrieved)...),

		on(systemKeyList,
			route{method: get, path: systemKeys, handle: s.listSystemKeys, message: fivetran.SystemKeysListed},
			route{method: post, path: systemKeys, handle: s.createSystemKey, message: fivetran.SystemKeyCreated, status: 201},
		),
		on(aSystemKey,
			route{method: get, path: systemKeys + id, handle: s.showSystemKey, message: fivetran.SystemKeyRetrieved},
			route{method: patch, path: systemKeys + id, handle: s.updateSystemKey, message: fivetran.SystemKeyUpdated},
			route{method: del, path: systemKeys + id, handle: s.deleteSystemKey, message: fivetran.SystemKeyDeleted},
			route{method: post, path: systemKeys + id + "/rotate", handle: s.rotateSystemKey, message: fivetran.SystemKeyRotated},
		),
		on(anybody, // each handler knows whose keys one may see
			route{method: get, path: apiKeys, handle: s.listAPIKeys, message: fivetran.APIKeysListed},
			route{method: post, path: apiKeys, handle: s.createAPIKey, message: fivetran.APIKeyCreated, status: 201},
			route{method: del, path: apiKeys + id, handle: s.deleteAPIKey, message: fivetran.APIKeyDeleted},
		),

		on(whole(access.Roles),
			route{method: get, path: "/v1/roles", handle: s.listRoles, message: fivetran.RolesListed},
		),
		on(grouped(access.Teams),
			route{method: get, path: teams, handle: s.listTeams, message: fivetran.TeamsListed},
		),
		on(made(access.Teams),
			route{method: post, path: teams, handle: s.createTeam, message: fivetran.TeamCreated, status: 201},
		),
		on(aTeam,
			route{method: get, path: teams + id, handle: s.showTeam, message: fivetran.TeamRetrieved},
			route{method: patch, path: teams + id, handle: s.updateTeam, message: fivetran.TeamUpdated},
			route{method: del, path: teams + id, handle: s.deleteTeam, message: fivetran.TeamDeleted},
			route{method: del, path: teams + id + "/role", does: access.Edit, handle: s.removeTeamRole, message: fivetran.TeamRoleRemoved},
			route{method: get, path: teams + id + "/users", handle: s.listTeamUsers, message: fivetran.TeamUsersListed},
			route{method: post, path: teams + id + "/users", handle: s.addTeamUser, message: fivetran.TeamUserAdded, status: 201},
			route{method: get, path: teams + id + "/users/{user}", handle: s.showTeamUser, message: fivetran.TeamUserRetrieved},
			route{method: patch, path: teams + id + "/users/{user}", handle: s.updateTeamUser, message: fivetran.TeamUserUpdated},
			route{method: del, path: teams + id + "/users/{user}", does: access.Edit, handle: s.removeTeamUser, message: fivetran.TeamUserRemoved},
		),
		on(aTeam, memberRoutes(teams+id+"/groups", memberships{s, store.TeamMember, access.GroupLevel}, fivetran.TeamGroupsListed, fivetran.TeamGroupRetrieved)...),
		on(aTeam, memberRoutes(teams+id+"/connections", memberships{s, store.TeamMember, access.ConnectionLevel}, fivetran.TeamConnectionsListed, fivetran.TeamConnectionRetrieved)...),

		on(grouped(access.Destinations),
			route{method: get, path: groups, handle: s.listGroups, message: fivetran.GroupsListed},
		),
		on(made(access.Destinations),
			route{method: post, path: groups, handle: s.createGroup, message: fivetran.GroupCreated, status: 201},
		),
		on(aGroup,
			route{method: get, path: groups + id, handle: s.showGroup, message: fivetran.GroupRetrieved},
			route{method: patch, path: groups + id, handle: s.updateGroup, message: fivetran.GroupUpdated},
			route{method: del, path: groups + id, handle: s.deleteGroup, message: fivetran.GroupDeleted},
			route{method: get, path: groups + id + "/connections", handle: s.groupConnections, message: fivetran.GroupConnectionsListed},
			route{method: get, path: groups + id + "/users", handle: s.groupUsers, message: fivetran.GroupUsersListed},
			route{method: post, path: groups + id + "/users", does: govern, handle: s.addGroupUser, message: fivetran.GroupUserAdded},
			route{method: del, path: groups + id + "/users/{user}", does: govern, handle: s.removeGroupUser, message: fivetran.GroupUserRemoved},
			route{method: get, path: groups + id + "/public-key", handle: s.groupPublicKey, message: fivetran.GroupPublicKeyShown},
			route{method: get, path: groups + id + "/service-account", handle: s.groupServiceAccount, message: fivetran.GroupServiceAccountIs},
		),

		on(grouped(access.Destinations),
			route{method: get, path: destinations, handle: s.listDestinations, message: fivetran.DestinationsListed},
			route{method: post, path: destinations, does: access.Edit, handle: s.createDestination, message: fivetran.DestinationCreated, status: 201},
		),
		on(aDestination,
			route{method: get, path: destinations + id, handle: s.showDestination, message: fivetran.DestinationRetrieved},
			route{method: patch, path: destinations + id, handle: s.updateDestination, message: fivetran.DestinationUpdated},
			route{method: del, path: destinations + id, handle: s.deleteDestination, message: fivetran.DestinationDeleted},
			route{method: post, path: destinations + id + "/test", load: setupTests, handle: s.testDestination, message: fivetran.SetupTestsCompleted},
			route{method: post, path: "/v1/penstock/destinations/{id}/test", load: setupTests, handle: s.followDestinationTests, message: fivetran.SetupTestsCompleted, download: true},
			route{method: post, path: "/v1/penstock/destinations/{id}/query", load: sourceRead, handle: s.queryDestination, message: fivetran.QueryAnswered},
			route{method: get, path: destinations + certificates, handle: destinationCertificates.list, message: fivetran.DestinationCertificatesListed},
			route{method: post, path: destinations + certificates, handle: destinationCertificates.approve, message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: destinations + certificates + hash, handle: destinationCertificates.show, message: fivetran.DestinationCertificateShown},
			route{method: del, path: destinations + certificates + hash, does: access.Edit, handle: destinationCertificates.revoke, message: fivetran.DestinationCertificateRevoked},
			route{method: get, path: destinations + fingerprints, handle: destinationFingerprints.list, message: fivetran.DestinationFingerprintsListed},
			route{method: post, path: destinations + fingerprints, handle: destinationFingerprints.approve, message: fivetran.FingerprintApproved, status: 201},
			route{method: get, path: destinations + fingerprints + hash, handle: destinationFingerprints.show, message: fivetran.DestinationFingerprintShown},
			route{method: del, path: destinations + fingerprints + hash, does: access.Edit, handle: destinationFingerprints.revoke, message: fivetran.DestinationFingerprintRevoked},
		),

		on(grouped(access.Connections),
			route{method: get, path: connections, handle: s.listConnections, message: fivetran.ConnectionsListed},
			route{method: post, path: connections, handle: s.createConnection, message: fivetran.ConnectionCreated, status: 201},
			route{method: get, path: "/v1/penstock/connections", handle: s.listOverviews, message: fivetran.ConnectionsListed},
		),
		on(aConnection, // the older metadata API
			route{method: get, path: "/v1/metadata/connectors" + id + "/schemas", handle: s.sourceSchemas, message: fivetran.SourceObjectsListed},
			route{method: get, path: "/v1/metadata/connectors" + id + "/tables", handle: s.sourceTables, message: fivetran.SourceObjectsListed},
			route{method: get, path: "/v1/metadata/connectors" + id + "/columns", handle: s.sourceColumns, message: fivetran.SourceObjectsListed},
		),
		on(aConnection,
			route{method: get, path: connections + id, handle: s.showConnection, message: fivetran.ConnectionRetrieved},
			route{method: patch, path: connections + id, handle: s.updateConnection, message: fivetran.ConnectionUpdated},
			route{method: del, path: connections + id, handle: s.deleteConnection, message: fivetran.ConnectionDeleted},
			route{method: post, path: connections + id + "/test", load: setupTests, handle: s.testConnection, message: fivetran.SetupTestsCompleted},
			route{method: post, path: connections + id + "/sync", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/force", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/resync", handle: s.resyncConnection, message: fivetran.SyncTriggered},
			route{method: get, path: schemas, handle: s.schemaConfig, message: fivetran.SchemaConfigRetrieved},
			route{method: post, path: schemas, handle: s.createSchemaConfig, message: fivetran.SchemaConfigPreCreated, large: true},
			route{method: patch, path: schemas, handle: s.updateSchemaConfig, message: fivetran.SchemaConfigModified, large: true},
			route{method: post, path: schemas + "/reload", load: sourceRead, handle: s.reloadSchemaConfig, message: fivetran.SchemaConfigReloaded},
			route{method: post, path: schemas + "/drop-columns", handle: s.dropColumns, message: fivetran.ColumnsMarked, large: true},
			route{method: patch, path: schemas + "/{schema}", handle: s.updateSchema, message: fivetran.DatabaseSchemaModified, large: true},
			route{method: patch, path: table, handle: s.updateTable, message: fivetran.TableConfigModified, large: true},
			route{method: get, path: table + "/columns", load: sourceRead, handle: s.columns, message: fivetran.ColumnConfigRetrieved},
			route{method: patch, path: table + "/columns/{column}", handle: s.updateColumn, message: fivetran.ColumnConfigModified},
			route{method: del, path: table + "/columns/{column}", does: access.Edit, handle: s.dropColumn, message: fivetran.ColumnMarked},
			route{method: post, path: schemas + "/tables/resync", handle: s.resyncTables, message: fivetran.TablesResyncing},
			route{method: post, path: table + "/resync", handle: s.resyncTable, message: fivetran.TablesResyncing},
			route{method: get, path: connections + id + "/state", handle: s.connectionState, message: fivetran.StateRetrieved},
			route{method: patch, path: connections + id + "/state", handle: s.updateConnectionState, message: fivetran.StateUpdated},
			route{method: post, path: connections + id + "/connect-card", handle: s.createConnectCard, message: fivetran.ConnectCardCreatedFor},
			route{method: get, path: connections + id + "/sync-history", handle: s.syncHistory, message: fivetran.SyncHistoryListed},
			route{method: get, path: connections + id + "/errors", handle: s.connectionErrors, message: fivetran.ConnectionErrorsShown},
			route{method: get, path: connections + certificates, handle: connectionCertificates.list, message: fivetran.ConnectionCertificatesListed},
			route{method: post, path: connections + certificates, handle: connectionCertificates.approve, message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: connections + certificates + hash, handle: connectionCertificates.show, message: fivetran.ConnectionCertificateShown},
			route{method: del, path: connections + certificates + hash, does: access.Edit, handle: connectionCertificates.revoke, message: fivetran.ConnectionCertificateRevoked},
			route{method: get, path: connections + fingerprints, handle: connectionFingerprints.list, message: fivetran.ConnectionFingerprintsListed},
			route{method: post, path: connections + fingerprints, handle: connectionFingerprints.approve, message: fivetran.FingerprintApproved, status: 201},
			route{method: get, path: connections + fingerprints + hash, handle: connectionFingerprints.show, message: fivetran.ConnectionFingerprintShown},
			route{method: del, path: connections + fingerprints + hash, does: access.Edit, handle: connectionFingerprints.revoke, message: fivetran.ConnectionFingerprintRevoked},

			route{method: get, path: ours, handle: s.overview, message: fivetran.ConnectionRetrieved},
			route{method: get, path: ours + "/events", handle: s.connectionEvents, message: fivetran.EventsListed},
			route{method: post, path: ours + "/test", load: setupTests, handle: s.followConnectionTests, message: fivetran.SetupTestsCompleted, download: true},
			route{method: get, path: ours + "/states", handle: s.listStates, message: fivetran.StatesListed},
			route{method: post, path: ours + "/states/{version}/restore", handle: s.restoreState, message: fivetran.StateRestored},
			route{method: get, path: ours + "/settings", handle: s.settings, message: fivetran.SettingsRetrieved},
			route{method: patch, path: ours + "/settings", handle: s.updateSettings, message: fivetran.SettingsModified, large: true},
			route{method: get, path: ours + "/backlog", handle: s.backlog, message: fivetran.BacklogRetrieved},
			route{method: get, path: ours + "/runs", handle: s.listRuns, message: fivetran.RunsListed},
			route{method: get, path: ours + "/runs/{run}", handle: s.showRun, message: fivetran.RunRetrieved},
			route{method: del, path: ours + "/runs/{run}", does: access.Edit, handle: s.cancelRun, message: fivetran.RunCanceled},
			route{method: get, path: ours + "/runs/{run}/log", handle: s.runLog, message: fivetran.RunLogRetrieved, download: true},
			route{method: get, path: ours + "/tables", handle: s.listTables, message: fivetran.TablesListed},
			route{method: post, path: ours + "/verify", handle: s.verify, message: fivetran.VerificationStarted, status: 202},
			route{method: get, path: ours + "/verifications", handle: s.listVerifications, message: fivetran.VerificationsListed},
			route{method: get, path: ours + "/verifications/{verification}", handle: s.verification, message: fivetran.VerificationRetrieved},
			route{method: del, path: ours + "/verifications/{verification}", does: access.Edit, handle: s.cancelVerification, message: fivetran.VerificationCanceled},
			route{method: get, path: ours + "/plan", load: sourceRead, handle: s.plan, message: fivetran.PlanMade},
			route{method: post, path: ours + "/plan", does: access.Read, load: sourceRead, handle: s.plan, message: fivetran.PlanMade, large: true},
		),

		on(grouped(access.Agents),
			route{method: get, path: links, handle: s.listPrivateLinks, message: fivetran.PrivateLinksListed},
		),
		on(made(access.Agents),
			route{method: post, path: links, load: newLink, handle: s.createPrivateLink, message: fivetran.PrivateLinkCreated, status: 201},
			route{method: post, path: proxy, handle: s.createProxyAgent, message: fivetran.ProxyAgentCreated, status: 201},
			route{method: post, path: "/v1/hvr/register-hub", handle: s.registerHub, message: fivetran.HubRegisteredHere},
		),
		on(aPrivateLink,
			route{method: get, path: links + id, handle: s.showPrivateLink, message: fivetran.PrivateLinkRetrieved},
			route{method: patch, path: links + id, handle: s.updatePrivateLink, message: fivetran.PrivateLinkUpdated},
			route{method: del, path: links + id, handle: s.deletePrivateLink, message: fivetran.PrivateLinkDeleted},
		),
		on(grouped(access.Agents),
			route{method: get, path: proxy, handle: s.listProxyAgents, message: fivetran.ProxyAgentsListed},
			route{method: get, path: hybrid, handle: s.listHybridAgents, message: fivetran.HybridAgentsListed},
			route{method: post, path: hybrid, handle: s.createHybridAgent, message: fivetran.HybridAgentCreated, status: 201},
		),
		on(anAgent(store.ProxyAgent),
			route{method: get, path: proxy + id, handle: s.showProxyAgent, message: fivetran.ProxyAgentRetrieved},
			route{method: del, path: proxy + id, handle: s.deleteAgent, message: fivetran.ProxyAgentDeleted},
			route{method: get, path: proxy + id + "/connections", handle: s.proxyConnections, message: fivetran.ProxyConnectionsListed},
			route{method: post, path: proxy + id + "/regenerate-secrets", handle: s.regenerateProxySecrets, message: fivetran.ProxySecretsRegenerated},
		),
		on(anAgent(store.HybridAgent),
			route{method: get, path: hybrid + id, handle: s.showHybridAgent, message: fivetran.HybridAgentRetrieved},
			route{method: del, path: hybrid + id, handle: s.deleteAgent, message: fivetran.HybridAgentDeleted},
			route{method: patch, path: hybrid + id + "/re-auth", handle: s.reAuthHybridAgent, message: fivetran.HybridAgentReAuthed},
			route{method: post, path: hybrid + id + "/re-auth", handle: s.reAuthHybridAgent, message: fivetran.HybridAgentReAuthed},
			route{method: post, path: hybrid + id + "/reset-credentials", handle: s.resetHybridAgent, message: fivetran.HybridAgentReset},
		),

		on(anybody, // each handler knows whose package it is
			route{method: get, path: packages, handle: s.listPackages, message: fivetran.PackagesListed},
			route{method: get, path: packages + id, handle: s.showPackage, message: fivetran.PackageRetrieved},
			route{method: patch, path: packages + id, handle: s.updatePackage, message: fivetran.PackageUpdated, upload: true},
			route{method: del, path: packages + id, handle: s.deletePackage, message: fivetran.PackageDeleted},
			route{method: get, path: packages + id + "/download", handle: s.downloadPackage, download: true},
		),
		on(grouped(access.Connections),
			route{method: post, path: packages, handle: s.createPackage, message: fivetran.PackageCreated, status: 201, upload: true},
		),

		on(grouped(access.Transformations),
			route{method: get, path: projects, handle: s.listProjects, message: fivetran.ProjectsListed},
			route{method: post, path: projects, handle: s.createProject, message: fivetran.ProjectCreated, status: 201},
			route{method: get, path: transforms, handle: s.listTransformations, message: fivetran.TransformationsListed},
			route{method: post, path: transforms, handle: s.createTransformation, message: fivetran.TransformationCreated, status: 201},
			route{method: get, path: transforms + "/package-metadata", handle: s.listPackageMetadata, message: fivetran.PackageMetadataListed},
			route{method: get, path: transforms + "/package-metadata/{id}", handle: s.packageMetadata, message: fivetran.PackageMetadataShown},
		),
		on(aProject,
			route{method: get, path: projects + id, handle: s.showProject, message: fivetran.ProjectRetrieved},
			route{method: patch, path: projects + id, handle: s.updateProject, message: fivetran.ProjectUpdated},
			route{method: del, path: projects + id, handle: s.deleteProject, message: fivetran.ProjectDeleted},
			route{method: post, path: projects + id + "/test", handle: s.retestProject, message: fivetran.ProjectTested},
		),
		on(aTransformation,
			route{method: get, path: transforms + id, handle: s.showTransformation, message: fivetran.TransformationRetrieved},
			route{method: patch, path: transforms + id, handle: s.updateTransformation, message: fivetran.TransformationUpdated},
			route{method: del, path: transforms + id, handle: s.deleteTransformation, message: fivetran.TransformationDeleted},
			route{method: post, path: transforms + id + "/run", handle: s.runTransformation, message: fivetran.TransformationStarted},
			route{method: post, path: transforms + id + "/cancel", handle: s.cancelTransformation, message: fivetran.TransformationCanceled},
			route{method: post, path: transforms + id + "/upgrade", handle: s.upgradeTransformation, message: fivetran.TransformationUpgraded},
		),

		on(grouped(access.Webhooks),
			route{method: get, path: webhooks, handle: s.listWebhooks, message: fivetran.WebhooksListed},
		),
		on(whole(access.Webhooks),
			route{method: post, path: webhooks + "/account", handle: s.createWebhook, message: fivetran.AccountWebhookCreated},
		),
		on(aWebhookGroup,
			route{method: post, path: webhooks + "/group/{id}", does: access.Create, handle: s.createWebhook, message: fivetran.GroupWebhookCreated},
		),
		on(aWebhook,
			route{method: get, path: webhooks + id, handle: s.showWebhook, message: fivetran.WebhookRetrieved},
			route{method: patch, path: webhooks + id, handle: s.updateWebhook, message: fivetran.WebhookUpdated},
			route{method: del, path: webhooks + id, handle: s.deleteWebhook, message: fivetran.WebhookDeleted},
			route{method: post, path: webhooks + id + "/{what}", handle: s.testWebhook, message: fivetran.WebhookTestCompleted},
			route{method: get, path: "/v1/penstock/webhooks/{id}/deliveries", handle: s.webhookDeliveries, message: fivetran.DeliveriesListed},
		),

		on(grouped(access.Destinations),
			route{method: get, path: "/v1/penstock/log-services", handle: s.listLogServiceKinds, message: fivetran.LogServicesListed},
			route{method: get, path: logs, handle: s.listLogServices, message: fivetran.LogServicesListed},
			route{method: post, path: logs, does: access.Edit, handle: s.createLogService, message: fivetran.LogServiceCreated, status: 201},
		),
		on(aLogService,
			route{method: get, path: logs + id, handle: s.showLogService, message: fivetran.LogServiceRetrieved},
			route{method: patch, path: logs + id, handle: s.updateLogService, message: fivetran.LogServiceUpdated},
			route{method: del, path: logs + id, does: access.Edit, handle: s.deleteLogService, message: fivetran.LogServiceDeleted},
			route{method: post, path: logs + id + "/test", handle: s.testLogService, message: fivetran.SetupTestsCompleted},
		),
		on(whole(access.Account),
			route{method: post, path: logs + "/account", does: access.Edit, handle: s.createAccountLogService, message: fivetran.AccountLogServiceCreated, status: 201},
		),
		on(theLogService,
			route{method: get, path: logs + "/account", handle: s.showLogService, message: fivetran.AccountLogServiceRetrieved},
			route{method: patch, path: logs + "/account", handle: s.updateLogService, message: fivetran.AccountLogServiceUpdated},
			route{method: del, path: logs + "/account", does: access.Edit, handle: s.deleteLogService, message: fivetran.AccountLogServiceDeleted},
			route{method: post, path: logs + "/account/test", handle: s.testLogService, message: fivetran.AccountLogServiceTested},
		),

		on(whole(access.Account),
			route{method: get, path: secrets, handle: s.listSecretsManagers, message: fivetran.SecretsManagerRead},
			route{method: post, path: secrets, does: access.Edit, handle: s.createSecretsManager, message: fivetran.SecretsManagerCreated, status: 201},
			route{method: get, path: secrets + "-entities", handle: s.secretsManagerEntities, message: fivetran.SecretsManagerRead},
		),
		on(aSecretsManager,
			route{method: get, path: secrets + id, handle: s.showSecretsManager, message: fivetran.SecretsManagerRead},
			route{method: patch, path: secrets + id, handle: s.updateSecretsManager, message: fivetran.SecretsManagerUpdated},
			route{method: del, path: secrets + id, does: access.Edit, handle: s.deleteSecretsManager, message: fivetran.SecretsManagerDeleted},
			route{method: get, path: secrets + id + "/entities", handle: s.secretsManagerEntities, message: fivetran.SecretsManagerRead},
		),
	)
	return append(all, legacy(all)...)
}

// on returns a section of the table: routes about one subject, with what they
// leave to be understood.
func on(about subject, routes ...route) []route {
	for i := range routes {
		r := &routes[i]
		r.about = about
		if r.status == 0 {
			r.status = http.StatusOK
		}
		if r.does == 0 {
			r.does = usually(r.method, about.find != nil)
		}
	}
	return routes
}

// memberRoutes returns the routes of memberships, which have one set of
// messages for changes at each level.
func memberRoutes(path string, ms memberships, listed, retrieved string) []route {
	created, updated, deleted := fivetran.GroupMembershipCreated, fivetran.GroupMembershipUpdated, fivetran.GroupMembershipDeleted
	if ms.level == access.ConnectionLevel {
		created, updated, deleted = fivetran.ConnectionMembershipCreated, fivetran.ConnectionMembershipUpdated, fivetran.ConnectionMembershipDeleted
	}
	one := path + "/{place}"
	return []route{
		{method: http.MethodGet, path: path, handle: ms.list, message: listed},
		{method: http.MethodPost, path: path, handle: ms.create, message: created, status: http.StatusCreated},
		{method: http.MethodGet, path: one, handle: ms.show, message: retrieved},
		{method: http.MethodPatch, path: one, handle: ms.update, message: updated},
		{method: http.MethodDelete, path: one, does: access.Edit, handle: ms.remove, message: deleted},
	}
}

// usually returns what a method does, to a thing that the path names or to a
// list of things.
func usually(method string, named bool) access.Actions {
	switch {
	case method == http.MethodGet:
		return access.Read
	case method == http.MethodDelete:
		return access.Delete
	case method == http.MethodPost && !named:
		return access.Create
	}
	return access.Edit
}

// legacy returns the routes by the names that paths had while connections
// were called connectors. Airflow, Dagster and Prefect still use them.
func legacy(table []route) []route {
	older := strings.NewReplacer(
		"/v1/connections", "/v1/connectors",
		"/v1/groups/{id}/connections", "/v1/groups/{id}/connectors",
		"/v1/users/{id}/connections", "/v1/users/{id}/connectors",
		"/v1/teams/{id}/connections", "/v1/teams/{id}/connectors",
		"/v1/metadata/connector-types", "/v1/metadata/connectors",
	)
	var aliases []route
	for _, r := range table {
		if p := older.Replace(r.path); p != r.path {
			r.path, r.legacy = p, true
			aliases = append(aliases, r)
		}
	}
	return aliases
}
