package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fivetran/go-fivetran"
	"github.com/fivetran/go-fivetran/connections"
	"github.com/fivetran/go-fivetran/transformations"
)

// TestClient is what go-fivetran asserts of agents, links, cards, schedules,
// packages and transformations against the service (tests/e2e of v1.3.8), and
// what that leaves out: the client wants each status to the letter.
func TestClient(t *testing.T) {
	e := newPackageEnv(t)
	srv := httptest.NewServer(e.handler)
	defer srv.Close()
	client := fivetran.New(e.key, e.secret)
	client.BaseURL(srv.URL + "/v1")
	ctx := t.Context()
	group, conn := e.group("client"), e.connection()

	t.Run("proxy agents", func(t *testing.T) {
		made, err := client.NewProxyCreate().DisplayName("go_sdk_test_proxy").GroupRegion("GCP_US_EAST4").Do(ctx)
		must(t, err)
		if d := made.Data; made.Code != "Success" || d.AuthToken == "" || d.ClientCert == "" || d.ClientPrivateKey == "" {
			t.Errorf("made %+v", made)
		}
		details, err := client.NewProxyDetails().ProxyId(made.Data.AgentId).Do(ctx)
		must(t, err)
		if d := details.Data; d.Id != made.Data.AgentId || d.AccountId == "" || d.Region == "" || d.CreatedBy == "" || d.RegisteredAt == "" {
			t.Errorf("details %+v", details)
		}
		list, err := client.NewProxyList().Do(ctx)
		must(t, err)
		again, err := client.NewProxyRegenerateSecrets().ProxyId(made.Data.AgentId).Do(ctx)
		must(t, err)
		if len(list.Data.Items) != 1 || again.Data.AuthToken == made.Data.AuthToken {
			t.Errorf("list %+v, again %+v", list, again)
		}
		_, err = client.NewProxyConnectionMembershipsList().ProxyId(made.Data.AgentId).Do(ctx)
		must(t, err)
		_, err = client.NewProxyDelete().ProxyId(made.Data.AgentId).Do(ctx)
		must(t, err)
		gone, err := client.NewProxyDetails().ProxyId(made.Data.AgentId).Do(ctx)
		if err == nil || !strings.HasPrefix(gone.Code, "NotFound") {
			t.Errorf("gone: %+v, %v", gone, err)
		}
	})

	t.Run("hybrid deployment agents", func(t *testing.T) {
		made, err := client.NewHybridDeploymentAgentCreate().DisplayName("go_sdk_test_lpa").GroupId(group).EnvType("DOCKER").AcceptTerms(true).Do(ctx)
		must(t, err)
		id := made.Data.Id
		if d := made.Data; d.DisplayName != "go_sdk_test_lpa" || d.GroupId != group || d.Token == "" || d.Files.ConfigJson == "" || d.Files.AuthJson == "" || d.Files.DockerComposeYaml == "" {
			t.Errorf("made %+v", made)
		}
		again, err := client.NewHybridDeploymentAgentReAuth().AgentId(id).AuthType("AUTO").Do(ctx)
		must(t, err)
		_, err = client.NewHybridDeploymentAgentResetCredentials().AgentId(id).Do(ctx)
		must(t, err)
		details, err := client.NewHybridDeploymentAgentDetails().AgentId(id).Do(ctx)
		must(t, err)
		list, err := client.NewHybridDeploymentAgentList().Do(ctx)
		must(t, err)
		if again.Data.Token == made.Data.Token || details.Data.Id != id || len(list.Data.Items) != 1 {
			t.Errorf("again %+v, details %+v, list %+v", again, details, list)
		}
		_, err = client.NewHybridDeploymentAgentDelete().AgentId(id).Do(ctx)
		must(t, err)
		if gone, err := client.NewHybridDeploymentAgentDetails().AgentId(id).Do(ctx); err == nil || gone.Code != "NotFound_RemoteExecutionAgent" {
			t.Errorf("gone: %+v, %v", gone, err)
		}
	})

	t.Run("private links", func(t *testing.T) {
		config := fivetran.NewPrivateLinkConfig().PrivateConnectionServiceId("test")
		made, err := client.NewPrivateLinkCreate().Name("l").Service("SOURCE_GCP").Region("GCP_US_EAST4").Config(config).Do(ctx)
		must(t, err)
		if d := made.Data; d.CloudProvider != "GCP" || d.Config.PrivateConnectionServiceId != "test" || d.State != "CREATING" {
			t.Errorf("made %+v", made)
		}
		changed, err := client.NewPrivateLinkUpdate().PrivateLinkId(made.Data.Id).Config(config).Do(ctx)
		if err == nil || changed.Code != "IllegalState" {
			t.Errorf("changed %+v, %v", changed, err)
		}
		_, err = client.NewPrivateLinkDelete().PrivateLinkId(made.Data.Id).Do(ctx)
		must(t, err)
		if list, err := client.NewPrivateLinkList().Do(ctx); err != nil || len(list.Data.Items) != 0 {
			t.Errorf("list %+v, %v", list, err)
		}
	})

	t.Run("Connect Cards", func(t *testing.T) {
		config := fivetran.NewConnectCardConfig().RedirectUri("http://test_domain.com").HideSetupGuide(false)
		made, err := client.NewConnectCard().ConnectorId(conn).Config(config).Do(ctx)
		must(t, err)
		if d := made.Data; d.ConnectorId != conn || d.ConnectCard.Token == "" || !strings.HasPrefix(d.ConnectCard.Uri, srv.URL) ||
			d.ConnectCardConfig.RedirectUri != "http://test_domain.com" || d.ConnectCardConfig.HideSetupGuide {
			t.Errorf("made %+v", made)
		}
	})

	t.Run("schedules", func(t *testing.T) {
		kind, cron := "CRON", "0 6 * * 1-5"
		_, err := client.NewConnectionUpdate().ConnectionID(conn).Schedule(&connections.ConnectorSchedule{ScheduleType: &kind, Cron: &cron}).Do(ctx)
		must(t, err)
		details, err := client.NewConnectionDetails().ConnectionID(conn).Do(ctx)
		must(t, err)
		if s := details.Data.Schedule; s == nil || *s.ScheduleType != kind || *s.Cron != cron {
			t.Errorf("schedule %+v", s)
		}
	})

	t.Run("packages", func(t *testing.T) {
		made, err := client.NewConnectorSdkPackageCreate().FileContent(strings.NewReader(zipOf(t, 10))).Do(ctx)
		must(t, err)
		changed, err := client.NewConnectorSdkPackageUpdate().PackageID(made.Data.ID).FileContent(strings.NewReader(zipOf(t, 10))).Do(ctx)
		must(t, err)
		details, err := client.NewConnectorSdkPackageDetails().PackageID(made.Data.ID).Do(ctx)
		must(t, err)
		list, err := client.NewConnectorSdkPackageList().Do(ctx)
		must(t, err)
		if changed.Data.FileSha256Hash == made.Data.FileSha256Hash || details.Data.FileSha256Hash != changed.Data.FileSha256Hash || len(list.Data.Items) != 1 {
			t.Errorf("made %+v, changed %+v, details %+v", made, changed, details)
		}
		_, err = client.NewConnectorSdkPackageDelete().PackageID(made.Data.ID).Do(ctx)
		must(t, err)
	})

	t.Run("transformations", func(t *testing.T) {
		config := fivetran.NewTransformationProjectConfig().DbtVersion("1.0.1").DefaultSchema("s").GitRemoteUrl("git@some-host.com/project.git").Threads(1)
		project, err := client.NewTransformationProjectCreate().GroupId(group).ProjectType("DBT_CORE").RunTests(false).ProjectConfig(config).Do(ctx)
		must(t, err)
		if d := project.Data; d.ProjectConfig.DbtVersion != "1.0.1" || d.ProjectConfig.Threads != 1 || d.CreatedById == "" || d.Status == "" || d.ProjectConfig.PublicKey == "" {
			t.Errorf("project %+v", project)
		}
		steps := []transformations.TransformationStep{{Name: "run", Command: "dbt run"}}
		made, err := client.NewTransformationCreate().ProjectType("DBT_CORE").Paused(true).
			TransformationConfig(fivetran.NewTransformationConfig().ProjectId(project.Data.Id).Name("n").Steps(steps)).
			TransformationSchedule(fivetran.NewTransformationSchedule().ScheduleType("INTERVAL").Interval(60)).Do(ctx)
		must(t, err)
		id := made.Data.Id
		_, err = client.NewTransformationRun().TransformationId(id).Do(ctx)
		must(t, err)
		details, err := client.NewTransformationDetails().TransformationId(id).Do(ctx)
		must(t, err)
		if d := details.Data; d.Status != "FAILED" || d.TransformationConfig.Steps[0].Command != "dbt run" || d.TransformationSchedule.Interval != 60 || !d.Paused {
			t.Errorf("details %+v", details)
		}
		if list, err := client.NewTransformationsList().Do(ctx); err != nil || len(list.Data.Items) != 1 {
			t.Errorf("list %+v, %v", list, err)
		}
		if packages, err := client.NewQuickstartPackagesList().Do(ctx); err != nil || len(packages.Data.Items) != 0 {
			t.Errorf("packages %+v, %v", packages, err)
		}
		_, err = client.NewTransformationDelete().TransformationId(id).Do(ctx)
		must(t, err)
		if gone, err := client.NewTransformationDetails().TransformationId(id).Do(ctx); err == nil || !strings.HasPrefix(gone.Code, "NotFound") {
			t.Errorf("gone: %+v, %v", gone, err)
		}
		_, err = client.NewTransformationProjectDelete().ProjectId(project.Data.Id).Do(ctx)
		must(t, err)
	})
}
