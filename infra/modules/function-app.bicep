// The Flex Consumption plan and the function app, with its identity, its settings and, if asked for, Entra in front.

@description('The name of the app.')
param name string

@description('The name of its plan.')
param planName string

@description('Where both are.')
param location string

@description('Tags of both.')
param tags object

@description('The resource id of the user-assigned identity.')
param identityId string

@description('The client id of the user-assigned identity.')
param identityClientId string

@description('The storage account of the host and of Baton\'s state.')
param storageName string

@description('The container in it that deployed packages go to.')
param deploymentContainer string

@description('The Application Insights component.')
param insightsName string

@description('Where events are posted to.')
param topicEndpoint string

@description('App settings on top of Baton\'s own.')
param appSettings object

@description('Memory of an instance, in MB.')
param instanceMemoryMB int

@description('How many instances there may be at most.')
param maximumInstanceCount int

@description('HTTP instances kept warm.')
param alwaysReadyHttpInstances int

@description('Calls that one instance answers at the same time.')
param httpConcurrency int

@description('The client id of an Entra app registration; empty for none.')
param entraClientId string

@description('The key of the dashboard, or a Key Vault reference to it; empty for none.')
@secure()
param dashboardKey string

@description('Client ids of the applications whose tokens are taken; empty for any.')
param entraAllowedApplications string[]

@description('The id of the subnet for outbound calls; empty for none.')
param subnetId string

// One place for all settings: a deployment replaces the whole set. What Flex Consumption forbids must not be here.
var ownSettings = {
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_THREADPOOL_THREAD_COUNT: string(httpConcurrency)
  PYDANTIC_DISABLE_PLUGINS: '__all__' // there are none, and each start would look for them in all packages
  MANAGED_IDENTITY_CLIENT_ID: identityClientId
  CHAINS_FILE: 'chains.yaml'
  EVENT_GRID_TOPIC_ENDPOINT: topicEndpoint
  CALLERS: empty(entraClientId) ? 'keys' : 'entra'
  DASHBOARD_KEY: dashboardKey
}
var allSettings = union(appSettings, ownSettings)
var warmHttp = {
  name: 'http'
  instanceCount: alwaysReadyHttpInstances
}
var allowedCallers = { allowedApplications: entraAllowedApplications }

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'baton' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      appSettings: map(items(allSettings), setting => { name: setting.key, value: string(setting.value) })
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyHttpInstances == 0 ? [] : [warmHttp]
        triggers: {
          http: { perInstanceConcurrency: httpConcurrency }
        }
      }
    }
  }

  // Deployments come with Entra tokens: no user name and password.
  resource basicScm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource basicFtp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

// Tokens and sign-ins are checked here, and who may do what in Baton: with CALLERS=entra it refuses whoever has no app
// role. Callers without a token get through to it, because three kinds have none and are checked otherwise: Event
// Grid and the webhook for events (keys), jobs that call back (a token in the address), browsers that are to sign in.
resource auth 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(entraClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [entraClientId, 'api://${entraClientId}']
          defaultAuthorizationPolicy: empty(entraAllowedApplications) ? {} : allowedCallers
        }
      }
    }
    login: {
      tokenStore: { enabled: false }
    }
  }
}

@description('The name of the app.')
output name string = app.name

@description('The id of the app.')
output id string = app.id

@description('Where callers find the API.')
output url string = 'https://${app.properties.defaultHostName}/api'
