// The setup of a database meets a certificate and an SSH server that nobody
// vouches for; somebody who is signed in approves the one, and an outsider with a
// Connect Card both.
const assert = require('assert');

module.exports = async ({ page, visitor, base, api, look }) => {
	await page.goto(base + '/new/connection/postgres');
	const fill = async (on, name, value) => on.locator(`[name="config.${name}"]`).fill(value);
	const enter = async (on, port) => {
		for (const [name, value] of Object.entries({ host: '127.0.0.1', port, database: 'd', user: 'u', password: 'hunter2' })) await fill(on, name, value);
	};
	await fill(page, 'schema_prefix', 'certified');
	await enter(page, process.env.PENSTOCK_TLS);
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.getByRole('button', { name: 'Approve this certificate' }).waitFor();
	await page.getByText('CN=db.example').first().waitFor();
	await look(page, 'approve-certificate');
	await page.getByRole('button', { name: 'Approve this certificate' }).click();
	await page.getByRole('heading', { name: 'Approved certificates and keys' }).waitFor();
	await page.locator('#tests').getByRole('button', { name: 'Run the tests' }).waitFor();
	assert.equal(await page.getByRole('button', { name: 'Approve this certificate' }).count(), 0);
	await look(page, 'approved');
	await page.getByRole('button', { name: 'Revoke' }).click();
	await page.waitForLoadState();
	assert.equal(await page.getByRole('button', { name: 'Revoke' }).count(), 0);
	await api('DELETE', '/v1/connections/' + page.url().match(/connections\/([^/]+)/)[1]);

	// An outsider, with a tunnel: the key to be let in with is there before anything is saved.
	const group = (await api('GET', '/v1/groups')).items[0].id;
	const made = await api('POST', '/v1/connections', {
		group_id: group, service: 'postgres', run_setup_tests: false, paused: true, config: { schema_prefix: 'tunneled' }, connect_card_config: { redirect_uri: base + '/signin' },
	});
	const out = await visitor();
	await out.goto(made.connect_card.uri);
	await enter(out, '5432');
	await out.locator('[name="config.connection_type"]').selectOption('SSH tunnel');
	assert.match(await out.getByLabel('Public key').inputValue(), /^ssh-/);
	await fill(out, 'tunnel_host', '127.0.0.1');
	await fill(out, 'tunnel_port', process.env.PENSTOCK_SSH);
	await fill(out, 'tunnel_user', 'penstock');
	await out.getByRole('button', { name: 'Save and test' }).click();
	await out.getByText('This is the first time that we see this SSH server.').waitFor();
	await look(out, 'connect-card-approve');
	await out.getByRole('button', { name: 'Approve this key' }).click();
	await out.getByText('AllowTcpForwarding').first().waitFor();

	// It is in the history, as what it was done with.
	await page.goto(`${base}/connections/${made.id}/changes`);
	await page.getByRole('cell', { name: 'Connect Card' }).first().waitFor();
	await look(page, 'changes-card');
	await api('DELETE', '/v1/connections/' + made.id);
};
