package api

import (
	"net/http"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// routes is the table of contents of the API. A status is given where a
// success is not 200.
func (s *server) routes() []route {
	const (
		get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

		groups       = "/v1/groups"
		destinations = "/v1/destinations"
		connections  = "/v1/connections"
		metadata     = "/v1/metadata"
		id           = "/{id}"
		schemas      = connections + "/{id}/schemas"
		table        = schemas + "/{schema}/tables/{table}"
		ours         = "/v1/penstock/connections/{id}" // what Fivetran has not
		certificates = "/{id}/certificates"
		hash         = "/{id}/certificates/{hash...}" // base64 may have slashes
	)
	all := []route{
		{method: get, path: "/v1/account/info", handle: s.accountInfo, message: fivetran.AccountInfoRetrieved},

		{method: get, path: "/v1/users", handle: s.listUsers, message: fivetran.UsersListed},
		{method: get, path: "/v1/users/{id}", handle: s.user, message: fivetran.UserRetrieved},

		{method: get, path: groups, handle: s.listGroups, message: fivetran.GroupsListed},
		{method: post, path: groups, handle: s.createGroup, message: fivetran.GroupCreated, status: 201},
		{method: get, path: groups + id, handle: s.group, message: fivetran.GroupRetrieved},
		{method: patch, path: groups + id, handle: s.updateGroup, message: fivetran.GroupUpdated},
		{method: del, path: groups + id, handle: s.deleteGroup, message: fivetran.GroupDeleted},
		{method: get, path: groups + id + "/connections", handle: s.groupConnections, message: fivetran.GroupConnectionsListed},
		{method: get, path: groups + id + "/users", handle: s.groupUsers, message: fivetran.GroupUsersListed},
		{method: get, path: groups + id + "/public-key", handle: s.groupPublicKey, message: fivetran.GroupPublicKeyShown},
		{method: get, path: groups + id + "/service-account", handle: s.groupServiceAccount, message: fivetran.GroupServiceAccountIs},

		{method: get, path: destinations, handle: s.listDestinations, message: fivetran.DestinationsListed},
		{method: post, path: destinations, handle: s.createDestination, message: fivetran.DestinationCreated, status: 201},
		{method: get, path: destinations + id, handle: s.destination, message: fivetran.DestinationRetrieved},
		{method: patch, path: destinations + id, handle: s.updateDestination, message: fivetran.DestinationUpdated},
		{method: del, path: destinations + id, handle: s.deleteDestination, message: fivetran.DestinationDeleted},
		{method: post, path: destinations + id + "/test", handle: s.testDestination, message: fivetran.SetupTestsCompleted},
		{method: get, path: destinations + certificates, handle: s.listCertificates(store.DestinationOwner), message: fivetran.DestinationCertificatesListed},
		{method: post, path: destinations + certificates, handle: s.approveCertificate(store.DestinationOwner), message: fivetran.CertificateApproved, status: 201},
		{method: get, path: destinations + hash, handle: s.certificate(store.DestinationOwner), message: fivetran.DestinationCertificateShown},
		{method: del, path: destinations + hash, handle: s.revokeCertificate(store.DestinationOwner), message: fivetran.DestinationCertificateRevoked},

		{method: get, path: connections, handle: s.listConnections, message: fivetran.ConnectionsListed},
		{method: post, path: connections, handle: s.createConnection, message: fivetran.ConnectionCreated, status: 201},
		{method: get, path: connections + id, handle: s.connection, message: fivetran.ConnectionRetrieved},
		{method: patch, path: connections + id, handle: s.updateConnection, message: fivetran.ConnectionUpdated},
		{method: del, path: connections + id, handle: s.deleteConnection, message: fivetran.ConnectionDeleted},
		{method: post, path: connections + id + "/test", handle: s.testConnection, message: fivetran.SetupTestsCompleted},
		{method: post, path: connections + id + "/sync", handle: s.syncConnection, message: fivetran.SyncTriggered},
		{method: post, path: connections + id + "/force", handle: s.syncConnection, message: fivetran.SyncTriggered},
		{method: post, path: connections + id + "/resync", handle: s.resyncConnection, message: fivetran.SyncTriggered},
		{method: get, path: schemas, handle: s.schemaConfig, message: fivetran.SchemaConfigRetrieved},
		{method: post, path: schemas, handle: s.createSchemaConfig, message: fivetran.SchemaConfigPreCreated, large: true},
		{method: patch, path: schemas, handle: s.updateSchemaConfig, message: fivetran.SchemaConfigModified, large: true},
		{method: post, path: schemas + "/reload", handle: s.reloadSchemaConfig, message: fivetran.SchemaConfigReloaded},
		{method: post, path: schemas + "/drop-columns", handle: s.dropColumns, message: fivetran.ColumnsMarked, large: true},
		{method: patch, path: schemas + "/{schema}", handle: s.updateSchema, message: fivetran.DatabaseSchemaModified, large: true},
		{method: patch, path: table, handle: s.updateTable, message: fivetran.TableConfigModified, large: true},
		{method: get, path: table + "/columns", handle: s.columns, message: fivetran.ColumnConfigRetrieved},
		{method: patch, path: table + "/columns/{column}", handle: s.updateColumn, message: fivetran.ColumnConfigModified},
		{method: del, path: table + "/columns/{column}", handle: s.dropColumn, message: fivetran.ColumnMarked},
		{method: post, path: schemas + "/tables/resync", handle: s.resyncTables, message: fivetran.TablesResyncing},
		{method: post, path: table + "/resync", handle: s.resyncTable, message: fivetran.TablesResyncing},
		{method: get, path: connections + id + "/state", handle: s.connectionState, message: fivetran.StateRetrieved},
		{method: patch, path: connections + id + "/state", handle: s.updateConnectionState, message: fivetran.StateUpdated},
		{method: get, path: connections + certificates, handle: s.listCertificates(store.ConnectionOwner), message: fivetran.ConnectionCertificatesListed},
		{method: post, path: connections + certificates, handle: s.approveCertificate(store.ConnectionOwner), message: fivetran.CertificateApproved, status: 201},
		{method: get, path: connections + hash, handle: s.certificate(store.ConnectionOwner), message: fivetran.ConnectionCertificateShown},
		{method: del, path: connections + hash, handle: s.revokeCertificate(store.ConnectionOwner), message: fivetran.ConnectionCertificateRevoked},

		{method: get, path: metadata + "/connector-types", handle: s.listConnectorTypes, message: fivetran.ConnectorTypesListed},
		{method: get, path: metadata + "/connector-types/{id}", handle: s.connectorType, message: fivetran.ConnectorTypeRetrieved},
		{method: get, path: "/public/connector-types", handle: s.publicConnectorTypes, message: fivetran.PublicConnectorTypesShown, public: true},

		{method: get, path: ours + "/states", handle: s.listStates, message: fivetran.StatesListed},
		{method: post, path: ours + "/states/{version}/restore", handle: s.restoreState, message: fivetran.StateRestored},
		{method: get, path: ours + "/settings", handle: s.settings, message: fivetran.SettingsRetrieved},
		{method: patch, path: ours + "/settings", handle: s.updateSettings, message: fivetran.SettingsModified, large: true},
		{method: post, path: ours + "/verify", handle: s.verify, message: fivetran.VerificationStarted, status: 202},
		{method: get, path: ours + "/verifications", handle: s.listVerifications, message: fivetran.VerificationsListed},
		{method: get, path: ours + "/verifications/{verification}", handle: s.verification, message: fivetran.VerificationRetrieved},
		{method: del, path: ours + "/verifications/{verification}", handle: s.cancelVerification, message: fivetran.VerificationCanceled},
		{method: get, path: ours + "/plan", handle: s.plan, message: fivetran.PlanMade},
		{method: post, path: ours + "/plan", handle: s.plan, message: fivetran.PlanMade, large: true},
		{method: get, path: ours + "/tables", handle: s.listTables, message: fivetran.TablesListed},
	}
	for i := range all {
		if all[i].status == 0 {
			all[i].status = http.StatusOK
		}
	}
	return append(all, legacy(all)...)
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
