// The owner looks after the account: people, teams, keys, webhooks, agents.
const assert = require('assert');

module.exports = async ({ page, base, api, look, visitor, expects }) => {
	const go = async (where, name) => {
		await page.goto(base + '/account/' + where);
		await look(page, 'account-' + name);
	};
	const once = () => page.locator('.once dd').first().innerText();

	await page.goto(base + '/connections');
	await page.getByRole('link', { name: 'Account', exact: true }).click();
	await page.getByRole('link', { name: 'Users', exact: true }).click();
	await page.getByLabel('Email', { exact: true }).fill('eve@example.com');
	await page.getByLabel('First name').fill('Eve');
	await page.getByLabel('Last name').fill('Ash');
	await page.getByLabel('Role in the account').selectOption('Account Reviewer');
	await page.getByRole('button', { name: 'Invite' }).click();
	const link = await once();
	await look(page, 'account-users');

	// Eve chooses a password, sees what is there, and no button that is not for her.
	const eve = await visitor();
	await eve.goto(link);
	await look(eve, 'welcome');
	await eve.getByLabel('Password').fill('another horse battery');
	await eve.getByLabel('The same again').fill('another horse battery');
	await eve.keyboard.press('Enter');
	await eve.waitForURL('**/connections');
	await eve.getByRole('link', { name: 'people', exact: true }).click();
	await eve.getByRole('heading', { name: 'Last syncs' }).waitFor();
	if (await eve.getByRole('button', { name: /Sync now|Pause/ }).count()) throw new Error('a reviewer is shown buttons');
	await eve.getByRole('link', { name: 'Tables', exact: true }).click();
	await eve.locator('#tree').waitFor();
	if (await eve.getByRole('button', { name: 'Read again' }).count()) throw new Error('a reviewer is shown buttons');
	expects(/status of 403/);
	const refused = await eve.evaluate(async () => (await fetch(location.pathname.replace(/schema$/, 'do/pause'), { method: 'POST' })).text());
	if (!refused.includes('You may not do this')) throw new Error(refused);

	await page.getByRole('link', { name: 'Eve Ash' }).click();
	await page.locator('select[name=id]').selectOption({ label: 'Demo' });
	await page.getByRole('button', { name: 'Add' }).click();
	await page.getByRole('cell', { name: 'Demo', exact: true }).waitFor();
	await page.getByLabel('Last name').fill('Ashe');
	await page.getByRole('button', { name: 'Save' }).first().click();
	await page.getByRole('heading', { name: 'Eve Ashe' }).waitFor();
	await look(page, 'account-user');
	await page.getByRole('button', { name: 'Remove' }).click();
	await page.getByText('No role beyond that in the account.').waitFor();

	// What is refused can be mended: nothing has to be entered twice.
	expects(/status of 409/);
	await page.getByRole('link', { name: 'Users' }).last().click();
	await page.getByLabel('Email', { exact: true }).fill('eve@example.com');
	await page.getByLabel('First name').fill('Evelyn');
	await page.getByLabel('Last name').fill('Ash');
	await page.getByLabel('Role in the account').selectOption('Account Reviewer');
	await page.getByRole('button', { name: 'Invite' }).click();
	await page.getByRole('alert').waitFor();
	assert.equal(await page.getByLabel('First name').inputValue(), 'Evelyn');
	assert.equal(await page.getByLabel('Role in the account').inputValue(), 'Account Reviewer');

	await go('teams', 'teams');
	await page.getByLabel('Name').fill('Sales');
	await page.getByRole('button', { name: 'Make it' }).click();
	await page.getByRole('link', { name: 'Sales' }).click();
	await page.getByLabel('User').selectOption('eve@example.com');
	await page.getByRole('button', { name: 'Add' }).first().click();
	await page.getByRole('cell', { name: 'eve@example.com', exact: true }).waitFor();
	await page.locator('select[name=id]').selectOption({ label: 'Demo' });
	await page.getByRole('button', { name: 'Add' }).last().click();
	await page.getByRole('cell', { name: 'Demo', exact: true }).waitFor();
	await page.getByLabel('Role of eve@example.com').selectOption('Team Member');
	await page.getByRole('row', { name: /eve@example.com/ }).getByRole('button', { name: 'Save' }).click();
	await page.waitForLoadState();
	assert.equal(await page.getByLabel('Role of eve@example.com').inputValue(), 'Team Member');
	await page.getByLabel('Role of Demo').selectOption('View Destination');
	await page.getByRole('row', { name: /Demo/ }).getByRole('button', { name: 'Save' }).click();
	await page.waitForLoadState();
	assert.equal(await page.getByLabel('Role of Demo').inputValue(), 'View Destination');
	await look(page, 'account-team');
	await page.getByRole('row', { name: /Demo/ }).getByRole('button', { name: 'Remove' }).click();
	await page.getByText('No role beyond that in the account.').waitFor();

	await go('roles', 'roles');
	await go('keys', 'keys');
	await page.getByRole('button', { name: 'Make a key' }).click();
	await once();
	await page.getByLabel('Password until now').fill('not this one');
	await page.getByLabel('New password').fill('yet another horse');
	await page.getByLabel('The same again').fill('yet another horse');
	expects(/status of 400/);
	await page.getByRole('button', { name: 'Change it' }).click();
	await page.getByRole('alert').waitFor();

	await go('system-keys', 'systemkeys');
	await page.getByLabel('Name', { exact: true }).fill('Terraform');
	await page.locator('select[name=CONNECTOR]').selectOption('MANAGE');
	await page.getByRole('button', { name: 'Make it' }).click();
	await once();
	await page.getByRole('link', { name: 'Terraform' }).click();
	assert.equal(await page.locator('select[name=CONNECTOR]').inputValue(), 'MANAGE');
	await page.getByLabel('Name', { exact: true }).fill('Ansible');
	await page.locator('select[name=DESTINATION]').selectOption('read');
	await look(page, 'account-systemkey');
	await page.getByRole('button', { name: 'Save' }).click();
	await page.getByRole('heading', { name: 'Ansible' }).waitFor();
	await page.getByRole('link', { name: 'System keys' }).last().click();
	await page.getByText('Destinations and groups: read').waitFor();
	await page.getByRole('button', { name: 'New secret' }).click();
	await once();
	await page.getByRole('button', { name: 'Delete' }).click();
	await page.getByText('There are none yet').waitFor();

	await go('webhooks', 'webhooks');
	await page.getByLabel("Receiver's address").fill(process.env.PENSTOCK_RECEIVER + '/hook');
	await page.getByRole('button', { name: 'Make it' }).click();
	await page.getByRole('link', { name: process.env.PENSTOCK_RECEIVER + '/hook' }).click();
	await page.getByRole('heading', { name: 'Latest deliveries' }).waitFor();
	await page.getByRole('button', { name: 'Try it' }).click();
	await page.getByText('The receiver took it').waitFor();
	const [db] = (await api('GET', '/v1/penstock/connections?search=db')).items;
	await api('POST', `/v1/connections/${db.id}/sync`, { force: false });
	for (const delivered = page.getByText('Delivered').first(); !(await delivered.isVisible()); await page.waitForTimeout(200)) await page.goto(page.url());
	await look(page, 'account-webhook');
	await page.getByRole('button', { name: 'Switch off' }).click();
	await page.getByRole('button', { name: 'Switch on' }).waitFor();
	await page.getByRole('button', { name: 'Delete' }).click();
	await page.getByText('There are none yet').waitFor();

	await page.goto(base + '/account/agents');
	await page.getByText('Register one').last().click();
	await page.getByLabel('Name').last().fill('basement');
	await page.getByRole('button', { name: 'Register it' }).last().click();
	await once();
	await look(page, 'account-agents');
	await page.getByRole('row', { name: /basement/ }).getByRole('button', { name: 'Delete' }).click();
	await page.getByText('There are none yet.').last().waitFor();

	await page.goto(base + '/account/logging');
	await page.getByRole('link', { name: 'Splunk' }).click();
	await page.getByLabel('Host').fill('127.0.0.1');
	await page.getByLabel('Port').fill('many');
	await page.getByLabel('Token').fill('secret-token');
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.getByRole('link', { name: 'Port is an integer' }).waitFor();
	assert(!(await page.content()).includes('secret-token'));
	await look(page, 'account-logging-wrong');
	await page.getByLabel('Port').fill('1');
	await page.getByLabel('Token').fill('secret-token');
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.getByRole('cell', { name: /Broken/ }).waitFor();
	await page.getByRole('link', { name: 'Edit' }).click();
	assert.equal(await page.getByLabel('Port').inputValue(), '1');
	await look(page, 'account-logging');
	await page.getByRole('link', { name: 'Cancel' }).click();
	await page.getByRole('button', { name: 'Switch off' }).click();
	await page.getByRole('cell', { name: 'Off' }).waitFor();
	await page.getByRole('button', { name: 'Delete' }).click();
	await page.getByText('Nothing is sent anywhere yet').waitFor();
};
