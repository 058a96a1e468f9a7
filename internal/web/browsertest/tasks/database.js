// Somebody fills in the form of a database, of which only what matters is shown.
const assert = require('assert');

module.exports = async ({ page, base, look }) => {
	await page.goto(base + '/new/connection/postgres');
	const shown = (name) => page.getByLabel(name, { exact: true }).isVisible();
	assert(!(await shown('SSH host')) && (await shown('Password')) && !(await page.locator('[name="config.client_private_key"]').isVisible()));
	await page.locator('[name="config.connection_type"]').selectOption('SSH tunnel');
	assert(await shown('SSH host'));
	await page.locator('[name="config.auth_method"]').selectOption('Client certificate');
	assert(!(await shown('Password')) && (await page.locator('textarea[name="config.client_private_key"]').isVisible()));
	await look(page, 'database-form');
	await page.getByLabel('Destination schema prefix').fill('pg');
	await page.getByLabel('Host', { exact: true }).fill('127.0.0.1');
	await page.locator('[name="config.port"]').fill('1');
	await page.getByLabel('Database', { exact: true }).fill('d');
	await page.getByLabel('User', { exact: true }).fill('u');
	await page.locator('[name="config.connection_type"]').selectOption('Directly');
	await page.locator('[name="config.auth_method"]').selectOption('Password');
	await page.getByLabel('Password', { exact: true }).fill('hunter2');
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.waitForURL(/\/setup/);
	await page.getByText(/connection refused/).waitFor();
	await look(page, 'setup-failed');
	assert(!(await page.content()).includes('hunter2'), 'the password is on the page');
};
