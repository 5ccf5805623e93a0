using './main.bicep'

// A sample: `azd` fills in the environment's values; give your own factories, settings and mail addresses.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')

// Where the app's identity may run pipelines.
param factoryGroups = []
// param factoryGroups = [
//   { resourceGroup: 'rg-data', factories: ['adf-sales'] }
// ]

// What %NAME% in chains.yaml names. Never a secret.
param appSettings = {
  SUBSCRIPTION_ID: readEnvironmentVariable('AZURE_SUBSCRIPTION_ID', '00000000-0000-0000-0000-000000000000')
}

param alertEmails = []
// param alertEmails = ['data-team@example.com']

// Entra app roles in place of function keys: docs/deploy.md has the steps.
param entraClientId = readEnvironmentVariable('BATON_ENTRA_CLIENT_ID', '')

// Without Entra: opens the dashboard. A Key Vault reference is best: @Microsoft.KeyVault(SecretUri=https://...)
param dashboardKey = readEnvironmentVariable('BATON_DASHBOARD_KEY', '')
