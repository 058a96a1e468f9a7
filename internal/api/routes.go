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
		hash         = "/{id}/certificates/{hash...}" // base64 may have slashes
		proxy        = "/v1/proxy"
		hybrid       = "/v1/hybrid-deployment-agents"
		links        = "/v1/private-links"
		packages     = "/v1/connector-sdk/packages"
		projects     = "/v1/transformation-projects"
		transforms   = "/v1/transformations"
		logs         = "/v1/external-logging"
	)
	all := slices.Concat(
		on(anybody,
			route{method: get, path: "/v1/account/info", handle: s.accountInfo, message: fivetran.AccountInfoRetrieved},
			route{method: get, path: metadata + "/connector-types", handle: s.listConnectorTypes, message: fivetran.ConnectorTypesListed},
			route{method: get, path: metadata + "/connector-types/{id}", handle: s.connectorType, message: fivetran.ConnectorTypeRetrieved},
			route{method: get, path: "/public/connector-types", handle: s.publicConnectorTypes, message: fivetran.PublicConnectorTypesShown, public: true},
		),

		on(whole(access.Users),
			route{method: get, path: users, handle: s.listUsers, message: fivetran.UsersListed},
		),
		on(aUser,
			route{method: get, path: users + id, handle: s.showUser, message: fivetran.UserRetrieved},
		),

		on(grouped(access.Destinations),
			route{method: get, path: groups, handle: s.listGroups, message: fivetran.GroupsListed},
			route{method: post, path: groups, handle: s.createGroup, message: fivetran.GroupCreated, status: 201},
		),
		on(aGroup,
			route{method: get, path: groups + id, handle: s.showGroup, message: fivetran.GroupRetrieved},
			route{method: patch, path: groups + id, handle: s.updateGroup, message: fivetran.GroupUpdated},
			route{method: del, path: groups + id, handle: s.deleteGroup, message: fivetran.GroupDeleted},
			route{method: get, path: groups + id + "/connections", handle: s.groupConnections, message: fivetran.GroupConnectionsListed},
			route{method: get, path: groups + id + "/users", handle: s.groupUsers, message: fivetran.GroupUsersListed},
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
			route{method: post, path: destinations + id + "/test", handle: s.testDestination, message: fivetran.SetupTestsCompleted},
			route{method: get, path: destinations + certificates, handle: s.listCertificates(store.DestinationOwner), message: fivetran.DestinationCertificatesListed},
			route{method: post, path: destinations + certificates, handle: s.approveCertificate(store.DestinationOwner), message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: destinations + hash, handle: s.certificate(store.DestinationOwner), message: fivetran.DestinationCertificateShown},
			route{method: del, path: destinations + hash, does: access.Edit, handle: s.revokeCertificate(store.DestinationOwner), message: fivetran.DestinationCertificateRevoked},
		),

		on(grouped(access.Connections),
			route{method: get, path: connections, handle: s.listConnections, message: fivetran.ConnectionsListed},
			route{method: post, path: connections, handle: s.createConnection, message: fivetran.ConnectionCreated, status: 201},
		),
		on(aConnection,
			route{method: get, path: connections + id, handle: s.showConnection, message: fivetran.ConnectionRetrieved},
			route{method: patch, path: connections + id, handle: s.updateConnection, message: fivetran.ConnectionUpdated},
			route{method: del, path: connections + id, handle: s.deleteConnection, message: fivetran.ConnectionDeleted},
			route{method: post, path: connections + id + "/test", handle: s.testConnection, message: fivetran.SetupTestsCompleted},
			route{method: post, path: connections + id + "/sync", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/force", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/resync", handle: s.resyncConnection, message: fivetran.SyncTriggered},
			route{method: get, path: schemas, handle: s.schemaConfig, message: fivetran.SchemaConfigRetrieved},
			route{method: post, path: schemas, handle: s.createSchemaConfig, message: fivetran.SchemaConfigPreCreated, large: true},
			route{method: patch, path: schemas, handle: s.updateSchemaConfig, message: fivetran.SchemaConfigModified, large: true},
			route{method: post, path: schemas + "/reload", handle: s.reloadSchemaConfig, message: fivetran.SchemaConfigReloaded},
			route{method: post, path: schemas + "/drop-columns", handle: s.dropColumns, message: fivetran.ColumnsMarked, large: true},
			route{method: patch, path: schemas + "/{schema}", handle: s.updateSchema, message: fivetran.DatabaseSchemaModified, large: true},
			route{method: patch, path: table, handle: s.updateTable, message: fivetran.TableConfigModified, large: true},
			route{method: get, path: table + "/columns", handle: s.columns, message: fivetran.ColumnConfigRetrieved},
			route{method: patch, path: table + "/columns/{column}", handle: s.updateColumn, message: fivetran.ColumnConfigModified},
			route{method: del, path: table + "/columns/{column}", does: access.Edit, handle: s.dropColumn, message: fivetran.ColumnMarked},
			route{method: post, path: schemas + "/tables/resync", handle: s.resyncTables, message: fivetran.TablesResyncing},
			route{method: post, path: table + "/resync", handle: s.resyncTable, message: fivetran.TablesResyncing},
			route{method: get, path: connections + id + "/state", handle: s.connectionState, message: fivetran.StateRetrieved},
			route{method: patch, path: connections + id + "/state", handle: s.updateConnectionState, message: fivetran.StateUpdated},
			route{method: post, path: connections + id + "/connect-card", handle: s.createConnectCard, message: fivetran.ConnectCardCreatedFor},
			route{method: get, path: connections + id + "/sync-history", handle: s.syncHistory, message: fivetran.SyncHistoryListed},
			route{method: get, path: connections + id + "/errors", handle: s.connectionErrors, message: fivetran.ConnectionErrorsShown},
			route{method: get, path: connections + certificates, handle: s.listCertificates(store.ConnectionOwner), message: fivetran.ConnectionCertificatesListed},
			route{method: post, path: connections + certificates, handle: s.approveCertificate(store.ConnectionOwner), message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: connections + hash, handle: s.certificate(store.ConnectionOwner), message: fivetran.ConnectionCertificateShown},
			route{method: del, path: connections + hash, does: access.Edit, handle: s.revokeCertificate(store.ConnectionOwner), message: fivetran.ConnectionCertificateRevoked},

			route{method: get, path: ours + "/states", handle: s.listStates, message: fivetran.StatesListed},
			route{method: post, path: ours + "/states/{version}/restore", handle: s.restoreState, message: fivetran.StateRestored},
			route{method: get, path: ours + "/settings", handle: s.settings, message: fivetran.SettingsRetrieved},
			route{method: patch, path: ours + "/settings", handle: s.updateSettings, message: fivetran.SettingsModified, large: true},
			route{method: get, path: ours + "/tables", handle: s.listTables, message: fivetran.TablesListed},
			route{method: post, path: ours + "/verify", handle: s.verify, message: fivetran.VerificationStarted, status: 202},
			route{method: get, path: ours + "/verifications", handle: s.listVerifications, message: fivetran.VerificationsListed},
			route{method: get, path: ours + "/verifications/{verification}", handle: s.verification, message: fivetran.VerificationRetrieved},
			route{method: del, path: ours + "/verifications/{verification}", does: access.Edit, handle: s.cancelVerification, message: fivetran.VerificationCanceled},
			route{method: get, path: ours + "/plan", handle: s.plan, message: fivetran.PlanMade},
			route{method: post, path: ours + "/plan", does: access.Read, handle: s.plan, message: fivetran.PlanMade, large: true},
		),

		on(whole(access.Agents),
			route{method: get, path: links, handle: s.listPrivateLinks, message: fivetran.PrivateLinksListed},
			route{method: post, path: links, handle: s.createPrivateLink, message: fivetran.PrivateLinkCreated, status: 201},
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
			route{method: post, path: "/v1/certificates", handle: s.approveCertificateOf, message: fivetran.CertificateApproved},
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
